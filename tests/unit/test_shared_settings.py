"""A process starts only when it was told everything, and says what is missing without repeating a secret."""

from pathlib import Path

import pytest

from shared import settings
from shared.routes import parse_size, route_of, routes
from shared.settings import MissingSettings, ServiceSettings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_PUBLIC_URL", "HUB_BROKER_URL", "HUB_SESSION_PUBLIC_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(MissingSettings) as told:
        settings.read(ServiceSettings)
    for name in ("HUB_PUBLIC_URL", "HUB_BROKER_URL", "HUB_SESSION_PUBLIC_KEY_FILE"):
        assert name in told.value.message


@pytest.mark.parametrize("url", ["http://hub.hospital.example", "ftp://x", "hub"])
def test_off_loopback_only_https_will_do(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HUB_PUBLIC_URL", url)
    monkeypatch.setenv("HUB_BROKER_URL", "amqp://user:SECRET@h")
    monkeypatch.setenv("HUB_SESSION_PUBLIC_KEY_FILE", "/k")
    with pytest.raises(MissingSettings) as told:
        settings.read(ServiceSettings)
    assert "HUB_PUBLIC_URL" in told.value.message
    assert "SECRET" not in told.value.message


def test_settings_cannot_change_once_read() -> None:
    made = ServiceSettings(public_url="http://127.0.0.1:1/", broker_url="amqp://h", session_public_key_file=Path("k"))
    assert made.public_url == "http://127.0.0.1:1"
    with pytest.raises(ValueError, match="frozen"):
        made.public_url = "x"  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize(("text", "size"), [("64k", 65536), ("2m", 2 * 1024**2), ("1g", 1024**3), ("10", 10)])
def test_sizes_are_read_as_nginx_reads_them(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_the_longest_path_wins() -> None:
    found = route_of("/fhir/metadata", "gateway")
    assert found is not None
    assert found.path == "/fhir/metadata"


def test_a_path_is_only_its_owners() -> None:
    assert route_of("/dicomweb/studies", "gateway") is None
    assert route_of("/fhirx", "gateway") is not None
    assert route_of("/fhirx", "gateway").path == "/"  # type: ignore[union-attr]  # asserted above


def test_every_route_has_a_limit_and_a_time() -> None:
    assert all(route.body > 0 and route.timeout_s > 0 for route in routes())

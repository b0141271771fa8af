"""Tokens say who calls, and nothing else passes for one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import Forbidden, Unauthenticated
from shared.security import SESSION_LIFETIME, Expired, Principal, Role, make_key, require_scope, sign, verify
from shared.settings import MissingSettings

READER = Principal("ada", "Dr Ada Reader", Role.RADIOLOGIST, "Practitioner/1", "user", frozenset(), "sitting-1")
EHR = Principal("ehr", "EHR", None, None, "system", frozenset({"system/Patient.cr", "system/Message.c"}), "ehr")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    private, public = make_key()
    file = tmp_path_factory.mktemp("keys") / "public.pem"
    file.write_bytes(public)
    return private, file


def test_a_token_brings_back_who_it_was_signed_for(keys: tuple[bytes, Path]) -> None:
    private, public = keys
    assert verify(sign(private, READER, SESSION_LIFETIME), public, "user") == READER


def test_a_systems_token_is_no_cookie(keys: tuple[bytes, Path]) -> None:
    private, public = keys
    with pytest.raises(Unauthenticated):
        verify(sign(private, EHR, SESSION_LIFETIME), public, "user")


def test_a_cookie_is_no_bearer_token(keys: tuple[bytes, Path]) -> None:
    private, public = keys
    with pytest.raises(Unauthenticated):
        verify(sign(private, READER, SESSION_LIFETIME), public, "system")


def test_a_token_ends_at_its_time(keys: tuple[bytes, Path]) -> None:
    private, public = keys
    token = sign(private, READER, timedelta(minutes=15))
    with pytest.raises(Expired):
        verify(token, public, "user", now=datetime.now(UTC) + timedelta(minutes=15, seconds=1))


def test_a_token_of_another_hub_is_refused(keys: tuple[bytes, Path]) -> None:
    other, _ = make_key()
    with pytest.raises(Unauthenticated):
        verify(sign(other, READER, SESSION_LIFETIME), keys[1], "user")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."])
def test_what_is_no_token_is_refused(keys: tuple[bytes, Path], token: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(token, keys[1], "user")


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingSettings) as told:
        verify("a.b.c", tmp_path / "none.pem", "user")
    assert told.value.fix == "Run `hub keys` first."


@pytest.mark.parametrize(("type_", "right"), [("Patient", "r"), ("Patient", "c"), ("Message", "c")])
def test_a_scope_lets_through_what_it_names(type_: str, right: str) -> None:
    require_scope(EHR, type_, right)  # type: ignore[arg-type]  # parametrised letters


@pytest.mark.parametrize(("type_", "right"), [("Patient", "u"), ("Observation", "r"), ("Message", "r")])
def test_a_scope_lets_nothing_else_through(type_: str, right: str) -> None:
    with pytest.raises(Forbidden):
        require_scope(EHR, type_, right)  # type: ignore[arg-type]  # parametrised letters

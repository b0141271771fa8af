"""`hub ...` speaks to people: one sentence and a fix, honest exit codes, nothing secret on the screen."""

import json
import stat
from pathlib import Path

import pytest

from shared import cli
from shared.cli import doctor, keys, running
from shared.cli.check import Check, failure, warning, well
from shared.errors import Unavailable


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without a hub."""
    for name in ("HUB_PUBLIC_URL", "HUB_BROKER_URL", keys.PRIVATE, keys.PUBLIC):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(running.STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def key_files(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    private, public = nowhere / "keys" / "session.key", nowhere / "keys" / "session.pub"
    monkeypatch.setenv(keys.PRIVATE, str(private))
    monkeypatch.setenv(keys.PUBLIC, str(public))
    return private, public


def test_keys_are_made_once_and_then_left_alone(key_files: tuple[Path, Path]) -> None:
    assert cli.main(["keys"]) == 0
    before = [file.read_bytes() for file in key_files]
    assert cli.main(["keys"]) == 0
    assert [file.read_bytes() for file in key_files] == before


def test_the_private_key_is_its_owners_alone(key_files: tuple[Path, Path]) -> None:
    cli.main(["keys"])
    assert stat.S_IMODE(key_files[0].stat().st_mode) == 0o600


def test_half_a_pair_is_never_replaced(key_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["keys"])
    key_files[1].unlink()
    assert cli.main(["keys"]) == 2
    assert "Fix:" in capsys.readouterr().err


@pytest.mark.usefixtures("nowhere")
def test_a_missing_setting_is_one_sentence_and_a_fix(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keys"]) == 2
    told = capsys.readouterr().err
    assert told.splitlines() == [
        "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE is not set",
        "Fix: Set it to the file that is to hold the key.",
    ]


@pytest.mark.usefixtures("nowhere")
def test_down_where_nothing_runs_is_no_failure() -> None:
    assert cli.main(["down"]) == 0


def test_reset_asks_before_it_drops(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "state").mkdir()
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert cli.main(["reset"]) == 1
    assert (nowhere / "state").exists()


def test_reset_drops_when_it_is_told_yes(nowhere: Path) -> None:
    (nowhere / "state").mkdir()
    assert cli.main(["reset", "--yes"]) == 0
    assert not (nowhere / "state").exists()


@pytest.mark.usefixtures("nowhere")
def test_the_doctor_names_what_is_missing_and_how_to_fix_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == 2
    settings = next(check for check in report["checks"] if check["name"] == "settings")
    assert "HUB_PUBLIC_URL" in settings["found"]
    assert all(check["fix"] for check in report["checks"] if check["level"] != "ok")


def test_one_broken_look_does_not_hide_the_others() -> None:
    def broken() -> list[Check]:
        raise ValueError("a patient's name")

    def away() -> list[Check]:
        raise Unavailable("The database is away", fix="Start it.")

    found = list(
        doctor.examine({"a": broken, "b": away, "c": lambda: [well("c", "fine"), warning("d", "old", "look")]})
    )
    assert found == [
        failure("a", "the check itself broke on ValueError", "Report it."),
        failure("b", "The database is away", "Start it."),
        well("c", "fine"),
        warning("d", "old", "look"),
    ]


def test_an_unexpected_error_shows_its_place_and_never_its_text(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> str:
        raise ValueError("a patient's name")

    (nowhere / "state").mkdir()
    monkeypatch.setattr("builtins.input", broken)
    assert cli.main(["reset"]) == 1
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "patient" not in told
    assert "Traceback" not in told

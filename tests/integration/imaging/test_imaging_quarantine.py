"""What could not be taken in waits until a named person decides: seen by a command, taken in after all, or dropped."""

import argparse
import json
from collections.abc import Callable
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import CollectorRegistry
from sqlalchemy import delete, null, text, update

from services.imaging import commands, files, gauges, migrations, store
from services.imaging.store.tables import INSTANCE, SERIES_FOUND, STUDY_FOUND
from shared.errors import Conflict, NotFound
from shared.events import Event
from shared.security import Role


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Call it with the words of a command: its exit code and what it prints."""
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers())

    def run(*words: str) -> tuple[int, str]:
        told = parser.parse_args(words)
        return told.run(told), capsys.readouterr().out

    return run


def test_a_file_in_quarantine_is_listed_and_shown_without_its_patient(imaging: Any, child: Any, command: Any) -> None:
    hub, one = imaging(), child()
    sent = one.part10()
    assert command("quarantine", "list") == (0, "No file waits in quarantine.\n")
    assert hub.stow(sent, study="1.2.3").status_code == 409
    assert hub.stow(b"no DICOM at all").status_code == 409
    _, listed = command("quarantine", "list", "--json")
    newest, oldest = json.loads(listed)
    assert (newest["reason"], newest["study"]) == ("not-dicom", None)
    assert (oldest["reason"], oldest["study"], oldest["bytes"]) == ("other-study", one.study, len(sent))
    assert "other-study" in command("quarantine", "list")[1]
    _, shown = command("quarantine", "show", str(oldest["number"]))
    assert json.loads(shown)["file"] == str(hub.folder / "quarantine" / f"{sha256(sent).hexdigest()}.dcm")
    assert "SYNTHETIC" not in shown
    with pytest.raises(NotFound):
        command("quarantine", "show", "99")


def test_a_released_file_comes_in_as_if_it_came_now(imaging: Any, child: Any, command: Any) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10(), study="1.2.3")
    assert command("quarantine", "release", "1", "--who", "ada") == (0, "File 1 is taken in (new).\n")
    assert hub.http.get(f"/dicomweb/studies/{one.study}/metadata", headers=hub.sign()).status_code == 200
    assert len(hub.said(Event.INSTANCES_STORED)) == 1
    assert list((hub.folder / "quarantine").iterdir()) == []
    assert decisions(hub) == [("released", "ada")]
    with pytest.raises(Conflict, match="released before"):
        command("quarantine", "drop", "1")
    assert command("quarantine", "list")[1] == "No file waits in quarantine.\n"
    assert "released" in command("quarantine", "list", "--all")[1]


def test_what_stands_against_a_file_may_still_do_so(imaging: Any, child: Any, command: Any) -> None:
    hub, one = imaging(), child()
    other = one.another(uid=one.uid, seed=2).part10()
    hub.stow(one.part10(), other)
    hub.stow(b"no DICOM at all")
    for number, reason in ((1, "conflict"), (2, "not-dicom")):
        with pytest.raises(Conflict, match=reason):
            command("quarantine", "release", str(number))
    assert (hub.folder / "quarantine" / f"{sha256(other).hexdigest()}.dcm").read_bytes() == other
    assert len(json.loads(command("quarantine", "list", "--json")[1])) == 2
    assert decisions(hub) == []


def test_a_dropped_file_is_gone_and_who_dropped_it_is_on_record(imaging: Any, command: Any) -> None:
    hub = imaging()
    hub.stow(b"no DICOM at all")
    assert command("quarantine", "drop", "1", "--who", "ada") == (0, "File 1 is deleted.\n")
    assert list((hub.folder / "quarantine").iterdir()) == []
    assert decisions(hub) == [("dropped", "ada")]


def test_a_dropped_file_that_comes_again_waits_again(imaging: Any, command: Any) -> None:
    hub = imaging()
    hub.stow(b"no DICOM at all")
    command("quarantine", "drop", "1")
    hub.stow(b"no DICOM at all")
    [waiting] = json.loads(command("quarantine", "list", "--json")[1])
    assert waiting["number"] == 1
    assert len(list((hub.folder / "quarantine").iterdir())) == 1


def test_a_file_that_waits_for_two_reasons_goes_with_the_second(imaging: Any, child: Any, command: Any) -> None:
    hub, one = imaging(), child()
    other = one.another(uid=one.uid, seed=2).part10()
    hub.stow(one.part10(), other)
    hub.stow(other, study="1.2.3")
    command("quarantine", "drop", "1")
    assert len(list((hub.folder / "quarantine").iterdir())) == 1
    waiting = json.loads(command("quarantine", "list", "--json")[1])
    command("quarantine", "drop", str(waiting[0]["number"]))
    assert list((hub.folder / "quarantine").iterdir()) == []


def test_how_many_files_wait_is_a_figure(imaging: Any) -> None:
    hub = imaging()
    hub.stow(b"no DICOM at all")
    registry = CollectorRegistry()
    registry.register(_Gauges())
    assert registry.get_sample_value("hub_imaging_quarantined", {"outcome": "not-dicom"}) == 1
    assert registry.get_sample_value("hub_imaging_quarantined", {"outcome": "conflict"}) == 0


def test_instances_that_came_before_searches_did_are_found_after_the_command(
    imaging: Any, child: Any, command: Any
) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10(), one.another().part10())
    with store.transaction() as session:
        session.execute(update(INSTANCE).values(attributes=null()))
        session.execute(update(STUDY_FOUND).values(attributes={}, patient_name="\n"))
        session.execute(update(SERIES_FOUND).values(attributes={}))
    find = {"params": {"PatientName": "SYNTHETIC*"}, "headers": hub.sign(role=Role.RADIOLOGIST)}
    assert hub.http.get("/dicomweb/studies", **find).status_code == 204
    assert command("instances", "index") == (0, "2 instances can be searched now; 0 could not be read.\n")
    assert command("instances", "index") == (0, "0 instances can be searched now; 0 could not be read.\n")
    assert len(hub.http.get("/dicomweb/studies", **find).json()) == 1
    assert len(hub.http.get("/dicomweb/instances?Rows=120&BodyPartExamined=CHEST", headers=hub.sign()).json()) == 2


def test_what_a_migration_finds_in_the_rows_is_found_before_any_file_is_read(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10(), one.another().part10())
    migration = load_source(Path(migrations.__file__).parent / "versions" / "imaging_0005_dicomweb.py")
    with store.transaction() as session:
        for table in (SERIES_FOUND, STUDY_FOUND):
            session.execute(delete(table))
        session.execute(update(INSTANCE).values(attributes=null()))
        session.execute(text(migration.STUDIES))
        session.execute(text(migration.SERIES))
    asked = {
        "PatientID": one.patient,
        "StudyDate": one.taken,
        "IssuerOfPatientID": "ST-LUKE",
        "BodyPartExamined": "CHEST",
    }
    [found] = hub.http.get("/dicomweb/series", params=asked, headers=hub.sign()).json()
    assert found["00201209"]["Value"] == [2]
    assert found["00100030"]["Value"] == [one.born]
    assert found["00100010"] == {"vr": "PN"}
    assert len(hub.http.get("/dicomweb/instances", params={"Modality": "CR"}, headers=hub.sign()).json()) == 2


def load_source(path: Path) -> Any:
    """Alembic loads revisions by path too."""
    found = spec_from_file_location(path.stem, path)
    assert found
    assert found.loader
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_an_instance_whose_file_is_away_is_counted_and_left(imaging: Any, child: Any, command: Any) -> None:
    hub, one = imaging(), child()
    sent = one.part10()
    hub.stow(sent)
    with store.transaction() as session:
        session.execute(update(INSTANCE).values(attributes=null()))
    files.path_of(hub.folder, sha256(sent).hexdigest()).unlink()
    assert command("instances", "index") == (1, "0 instances can be searched now; 1 could not be read.\n")


class _Gauges:
    def collect(self) -> Any:
        with store.transaction() as session:
            return list(gauges.studies(session))


def decisions(hub: Any) -> list[tuple[str, str]]:
    events = [message.resource("AuditEvent") for message in hub.said(Event.IMAGING_ACCESS_RECORDED)]
    return [(e["outcomeDesc"], e["agent"][0]["altId"]) for e in events if e["type"]["code"] == "quarantine"]

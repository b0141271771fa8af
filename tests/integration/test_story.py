"""One study from the hospital's door to the signed report and back, on the real thing."""

import json
from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest

from services.simulator.demo.forms import Browser
from services.simulator.demo.operator import open_a_schedule
from services.simulator.demo.people import People
from services.simulator.demo.reader import Reader
from services.simulator.demo.secretary import Secretary
from services.simulator.demo.steps import FOLLOW_UP, Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import MRN_SYSTEM, Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.fhir import codes

NewStudy = Callable[..., Examination]
Command = Callable[..., "CompletedProcess[str]"]


def arrived(hospital: Hospital, examination: Examination) -> Progress:
    """A study that was sent and can be reviewed."""
    case = Progress(examination)
    send(hospital, examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    return case


def signed(hub: Hub, cast: People, hospital: Hospital, case: Progress) -> Progress:
    """A case whose report the synthetic reader signed and the hospital acknowledged."""
    with Browser(hub.public_url) as browser:
        Reader(browser, cast.synthetic).sign(case)
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    return case


def received(hub: Hub, case: Progress) -> list[dict[str, object]]:
    """Every arrival of a case's report at the hospital."""
    arrivals = httpx.get(f"{hub.url('simulator-api')}/control/received").json()
    return [one for one in arrivals if one["key"] == f"{codes.REPORT_SYSTEM}|{case.case_id}"]


def archived(hub: Hub, case: Progress) -> list[str]:
    """Modalities of what the hospital's archive has of a case from the hub."""
    held = httpx.get(f"{hub.url('simulator-api')}/control/archive").json()
    return sorted(one["modality"] for one in held if one["study"] == case.examination.study_uid)


@pytest.mark.parametrize("first", ["announcement", "files"])
def test_a_study_is_read_signed_and_delivered_once_whatever_comes_first(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy, first: str
) -> None:
    case = signed(hub, cast, hospital, arrived(hospital, new_study("pneumonia", "urgent", first)))
    assert case.refused is None
    assert len(received(hub, case)) == 1
    assert archived(hub, case) == ["KO", "OT", "SR"]
    key = f"{codes.REPORT_SYSTEM}|{case.case_id}"
    server = f"{hub.url('simulator-api')}/fhir/DiagnosticReport"
    [entry] = httpx.get(server, params={"identifier": key}).json()["entry"]
    report = entry["resource"]
    assert report["status"] == "final"
    assert report["conclusion"].startswith("SYNTHETIC")
    identifier = report["subject"]["identifier"]
    assert (identifier["system"], identifier["value"]) == (MRN_SYSTEM, case.examination.mrn)
    assert "urn:uuid" not in json.dumps(report)


def test_what_a_model_says_stays_preliminary_and_labelled(
    hub: Hub, hospital: Hospital, new_study: NewStudy, command: Command
) -> None:
    """A system sees it only where it was given the scope to."""
    case = arrived(hospital, new_study("normal", "urgent", "announcement"))
    [patient] = hospital.search("Patient", identifier=f"{MRN_SYSTEM}|{case.examination.mrn}")
    subject = f"Patient/{patient['id']}"
    told = command("clients", "add", "viewer", "--scope", "system/*.rs hub/preliminary.r")
    assert told.returncode == 0, told.stderr
    with Hospital(hub.public_url, told.stdout.split()[-1]) as viewer:
        answers = (viewer.search("Observation", subject=subject) for _ in range(200))
        found = next(filter(None, answers), [])  # the gateway hears of it at its own pace
    assert hospital.search("Observation", subject=subject) == []
    assert [one["status"] for one in found] == ["preliminary"]
    labels = found[0]["meta"]["security"]
    assert codes.AI_ASSERTED["code"] in {label["code"] for label in labels}


def test_an_adult_is_not_analysed_and_can_be_reported_all_the_same(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy
) -> None:
    case = arrived(hospital, new_study("adult", "urgent", "announcement"))
    assert case.refused is not None
    assert "adult" in case.refused
    assert len(received(hub, signed(hub, cast, hospital, case))) == 1


def test_a_patient_who_denies_it_is_read_by_a_human_alone_until_they_permit_it(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy
) -> None:
    """The hospital says it first; nothing is estimated of the patient's values either."""
    denied = replace(new_study("adult", "stat", "announcement"), refuses_ai=True)
    case = arrived(hospital, denied)
    assert case.refused == "consent"
    with Hospital(hub.public_url, cast.ward) as ward:
        withheld = awaited(ward, case, "RiskAssessment", lambda one: one["status"] == "cancelled")
        assert "prediction" not in withheld
        assert found_of(ward, case, "Flag") == []
        assert len(received(hub, signed(hub, cast, hospital, case))) == 1
        (kept,) = found_of(hospital, case, "Consent")
        lifted = hospital.write("PUT", f"/fhir/Consent/{kept['id']}", kept | {"status": "inactive"})
        assert lifted.status_code == httpx.codes.OK
        assert awaited(ward, case, "RiskAssessment", lambda one: bool(one.get("prediction")))


def test_an_accepted_finding_becomes_a_follow_up_that_a_secretary_confirms(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy
) -> None:
    open_a_schedule(hub.environment)
    case = signed(hub, cast, hospital, arrived(hospital, new_study("pneumonia", "urgent", "announcement")))
    assert case.flagged
    case.awaits = {Step.PROPOSED}
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    with Browser(hub.public_url) as browser:
        Secretary(browser, cast.synthetic_secretary).confirm(case)
    case.awaits |= FOLLOW_UP
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    found = awaited(hospital, case, "Appointment", lambda one: one["status"] == "booked")
    assert found["start"] < found["end"]
    assert found["slot"]


def test_laboratory_values_become_a_risk_and_an_alert_that_nobody_has_signed(
    cast: People, hub: Hub, hospital: Hospital, new_study: NewStudy
) -> None:
    """Whoever may not see what is preliminary finds neither."""
    case = Progress(new_study("adult", "urgent", "announcement"), awaits={Step.RISK})
    send(hospital, case.examination)
    with Hospital(hub.public_url, cast.ward) as ward:
        assert follow(hospital, [case], [Step.RISK], lambda *_: None, ward=ward)
        risk = awaited(ward, case, "RiskAssessment", lambda one: bool(one.get("prediction")))
        flag = awaited(ward, case, "Flag", lambda one: one["status"] == "active")
    assert risk["status"] == "preliminary"
    assert 0 < risk["prediction"][0]["probabilityDecimal"] < 1
    assert "stage 1" in flag["code"]["text"]
    assert [found_of(hospital, case, type_) for type_ in ("RiskAssessment", "Flag")] == [[], []]


def found_of(system: Hospital, case: Progress, type_: str) -> list[dict[str, Any]]:
    """What a system finds about the patient of a case."""
    [patient] = system.search("Patient", identifier=f"{MRN_SYSTEM}|{case.examination.mrn}")
    return system.search(type_, patient=f"Patient/{patient['id']}")


def awaited(system: Hospital, case: Progress, type_: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first resource about the patient that is as wanted; the repository hears of it at its own pace."""
    looks = (one for _ in range(200) for one in found_of(system, case, type_) if wanted(one))
    found = next(looks, None)
    assert found is not None, type_
    return found


def test_every_process_shows_metrics(hub: Hub, hospital: Hospital, new_study: NewStudy) -> None:
    """Once it has done something: each lane's workers have."""
    for priority in ("stat", "urgent"):
        arrived(hospital, new_study("normal", priority, "announcement"))
    for name in hub.processes:
        assert "# TYPE" in httpx.get(f"{hub.url(name)}/metrics").text, name


def test_one_correlation_id_runs_through_the_logs_of_all_services(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy
) -> None:
    case = signed(hub, cast, hospital, arrived(hospital, new_study("normal", "stat", "files")))
    wanted = codes.correlation_of(case.examination.study_uid)
    lines = [
        json.loads(line)
        for name in hub.processes
        for line in hub.log(name).read_text().splitlines()
        if wanted in line and line.startswith("{")
    ]
    assert {line["service"] for line in lines if line.get("correlation") == wanted} >= {
        "gateway",
        "imaging",
        "results_sharing",
    }


def test_every_look_and_signature_is_in_the_audit(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy, command: Command
) -> None:
    before = command("audit", "verify")
    signed(hub, cast, hospital, arrived(hospital, new_study("normal", "urgent", "announcement")))
    after = command("audit", "verify")
    assert (before.returncode, after.returncode) == (0, 0)
    assert records(after) > records(before)
    kinds = {json.dumps(event["type"]) for event in hospital.search("AuditEvent", _count="200")}
    assert any("signature" in kind for kind in kinds)


def records(verified: "CompletedProcess[str]") -> int:
    """How many records `hub audit verify` counted."""
    return int(next(word for word in verified.stdout.split() if word.isdecimal()))


@pytest.mark.usefixtures("hub")
def test_every_case_is_accounted_for(command: Command) -> None:
    told = command("cases", "--json")
    assert told.returncode == 0, told.stdout
    assert json.loads(told.stdout)["unexplained"] == 0


@pytest.mark.usefixtures("hub")
def test_the_doctor_finds_nothing_broken(command: Command) -> None:
    report = json.loads(command("doctor", "--json").stdout)
    assert [check for check in report["checks"] if check["level"] == "failure"] == []

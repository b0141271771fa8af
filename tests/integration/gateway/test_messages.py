"""What a hospital says is stored once, said to the hub with it, and answered; whoever comes at the same time."""

import copy
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import pytest
from fastapi.testclient import TestClient
from hospital_said import FHIR_JSON, MRN, found, identifier, message, order, patient, said, send, study

from services.gateway.api.accepting import Sent, accept
from services.gateway.store import Answer
from shared.errors import Conflict, InvalidResource
from shared.fhir import codes
from shared.fhir.message import Message
from shared.security import Principal


def test_an_announced_study_is_stored_and_said_with_its_order_and_patient(hospital: TestClient) -> None:
    sent = message("gateway.study-available", study(), patient(), order())
    answer = send(hospital, sent)
    assert answer.status_code == 200, answer.text
    response = answer.json()["entry"][0]["resource"]["response"]
    assert response == {"identifier": sent["entry"][0]["resource"]["id"], "code": "ok"}
    assert [(one["event"], one["types"]) for one in said()] == [
        ("gateway.order-placed", ["ServiceRequest", "Patient"]),
        ("gateway.study-available", ["ImagingStudy", "Patient", "ServiceRequest"]),
    ]


def test_the_order_gives_the_lane_and_the_study_the_correlation(hospital: TestClient) -> None:
    send(hospital, message("gateway.study-available", study(), patient(), order(priority="asap")))
    available = said()[-1]
    assert available["lane"] == "urgent"
    assert available["correlation"] == codes.correlation_of("1.2.826.0.1.1")


def test_what_is_said_refers_by_urn_and_identifier_to_hub_ids(hospital: TestClient) -> None:
    send(hospital, message("gateway.study-available", study(), patient(), order()))
    available = said()[-1]
    announced, person, request = available["resources"]
    assert announced["subject"] == {"reference": f"urn:uuid:{person['id']}", "identifier": identifier(MRN, "SYN-1")}
    assert announced["basedOn"][0]["reference"] == f"urn:uuid:{request['id']}"
    assert Message.from_fhir(available["bundle"]).focus == [announced]


def test_references_within_the_message_lead_to_hub_ids(hospital: TestClient) -> None:
    sent = message("gateway.order-placed", order(), patient())
    sent["entry"][1]["resource"]["subject"] = {"reference": sent["entry"][2]["fullUrl"]}
    assert send(hospital, sent).status_code == 200
    (stored,) = found(hospital, "ServiceRequest")
    (person,) = found(hospital, "Patient")
    assert stored["subject"]["reference"] == f"Patient/{person['id']}"
    assert stored["subject"]["identifier"] == identifier(MRN, "SYN-1")


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": identifier(MRN, "SYN-1")},
        {"reference": f"Patient?identifier={MRN}|SYN-1"},
        {"type": "Patient", "identifier": identifier(MRN, "SYN-1")},
    ],
)
def test_a_patient_who_is_known_need_not_come_again(hospital: TestClient, subject: dict[str, Any]) -> None:
    send(hospital, message("gateway.order-placed", order(), patient()))
    later = message("gateway.order-placed", order("O-2"))
    later["entry"][1]["resource"]["subject"] = subject
    assert send(hospital, later).status_code == 200
    assert len({one["subject"]["reference"] for one in found(hospital, "ServiceRequest")}) == 1


def test_a_study_finds_its_order_of_an_earlier_message_by_accession_number(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order(), patient()))
    announced = study()
    announced["basedOn"] = [{"identifier": identifier("https://st-luke.example/accession", "A-O-1")}]
    send(hospital, message("gateway.study-available", announced))
    assert said()[-1]["types"] == ["ImagingStudy", "Patient", "ServiceRequest"]
    assert said()[-1]["lane"] == "stat"


def test_two_studies_of_one_accession_number_stay_two(hospital: TestClient) -> None:
    send(hospital, message("gateway.study-available", study("1.2.3.1"), patient(), order()))
    send(hospital, message("gateway.study-available", study("1.2.3.2")))
    assert len(found(hospital, "ImagingStudy")) == 2
    assert len(found(hospital, "ImagingStudy?identifier=https://st-luke.example/accession|A-O-1")) == 2


def test_the_same_message_again_gets_the_same_answer_and_nothing_happens_twice(hospital: TestClient) -> None:
    sent = message("gateway.study-available", study(), patient(), order())
    first, second = send(hospital, sent), send(hospital, sent)
    assert (second.status_code, second.content) == (200, first.content)
    assert len(said()) == 2


def test_the_same_id_with_other_content_is_a_conflict(hospital: TestClient) -> None:
    sent = message("gateway.order-placed", order(), patient())
    send(hospital, sent)
    other = copy.deepcopy(sent)
    other["entry"][1]["resource"]["priority"] = "routine"
    assert send(hospital, other).status_code == 409
    assert len(said()) == 1


def test_two_senders_may_use_the_same_message_id(systems: Callable[..., TestClient]) -> None:
    number = str(uuid4())
    for name, mrn in (("st-luke", "SYN-1"), ("st-mark", "SYN-2")):
        sent = message("gateway.order-placed", order(f"O-{mrn}", mrn=mrn), patient(mrn), number=number)
        assert send(systems(name), sent).status_code == 200
    assert len(said()) == 2


def test_one_idempotency_key_is_one_message(hospital: TestClient) -> None:
    assert send(hospital, message("gateway.order-placed", order(), patient()), Idempotency_Key="k").status_code == 200
    other = message("gateway.order-placed", order("O-2"), patient())
    assert send(hospital, other, Idempotency_Key="k").status_code == 409
    assert len(said()) == 1


def test_a_new_study_of_a_known_patient_with_another_name_changes_the_one_patient(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order(), patient(family="BEFORE")))
    send(hospital, message("gateway.order-placed", order("O-2"), patient(family="AFTER")))
    (person,) = found(hospital, "Patient")
    assert (person["name"][0]["family"], person["meta"]["versionId"]) == ("AFTER", "2")


@pytest.mark.parametrize(
    ("later", "labels"), [({}, {"HTEST"}), ({"meta": {"security": [{"code": "N"}]}}, {"N"})], ids=["silent", "another"]
)
def test_a_test_patient_stays_one_until_the_hospital_labels_it_otherwise(
    hospital: TestClient, later: dict[str, Any], labels: set[str]
) -> None:
    test = patient() | {"meta": {"security": [{"code": "HTEST"}]}}
    send(hospital, message("gateway.order-placed", order(), test))
    send(hospital, message("gateway.study-available", study(), patient(family="AFTER") | later, order()))
    (person,) = found(hospital, "Patient")
    assert {label["code"] for label in person["meta"]["security"]} == labels


def test_two_patients_of_one_name_stay_two(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order("O-1", mrn="SYN-1"), patient("SYN-1")))
    send(hospital, message("gateway.order-placed", order("O-2", mrn="SYN-2"), patient("SYN-2")))
    assert len(found(hospital, "Patient")) == 2


def test_identifiers_of_two_patients_in_one_are_a_conflict(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order("O-1", mrn="SYN-1"), patient("SYN-1")))
    send(hospital, message("gateway.order-placed", order("O-2", mrn="SYN-2"), patient("SYN-2")))
    both = patient("SYN-1")
    both["identifier"].append(identifier(MRN, "SYN-2"))
    answer = send(hospital, message("gateway.order-placed", order("O-3"), both))
    assert answer.status_code == 409
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[2].resource.identifier"]


def test_a_further_identifier_joins_the_known_patient(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order(), patient()))
    more = patient()
    more["identifier"].append(identifier("https://nation.example/id", "N-1"))
    assert send(hospital, message("gateway.order-placed", order("O-2"), more)).status_code == 200
    assert len(found(hospital, "Patient")) == 1
    assert len(found(hospital, "Patient?identifier=https://nation.example/id|N-1")) == 1


def test_a_revoked_order_is_said_once(hospital: TestClient) -> None:
    send(hospital, message("gateway.order-placed", order(), patient()))
    for _ in range(2):
        assert send(hospital, message("gateway.order-revoked", order(status="revoked"))).status_code == 200
    assert [one["event"] for one in said()] == ["gateway.order-placed", "gateway.order-revoked"]


def test_new_messages_of_one_new_patient_at_once_make_one_patient(systems: Callable[..., TestClient]) -> None:
    clients = [systems(f"system-{number}") for number in range(6)]
    start, answers = threading.Barrier(6), []

    def one(number: int) -> None:
        sent = message("gateway.order-placed", order(f"O-{number}"), patient())
        start.wait()
        answers.append(send(clients[number], sent).status_code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert len(found(clients[0], "Patient")) == 1
    assert len(found(clients[0], "ServiceRequest")) == 6
    assert len(said()) == 6


def test_one_message_twice_at_once_is_taken_in_once(hospital: TestClient) -> None:
    sent = message("gateway.study-available", study(), patient(), order())
    start, answers = threading.Barrier(4), []

    def one() -> None:
        start.wait()
        answers.append(send(hospital, sent))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert len(said()) == 2


def without(resource: dict[str, Any], element: str) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != element}


@pytest.mark.parametrize(
    ("sent", "status", "where"),
    [
        (message("gateway.study-available", patient()), 422, "Bundle.entry"),
        (message("gateway.no-such-event", patient()), 422, "Bundle.entry[0].resource.eventCoding"),
        (message("imaging.study-completed", study()), 422, "Bundle.entry[0].resource.eventCoding"),
        (message("gateway.order-placed", order(status="revoked"), patient()), 422, "Bundle.entry[1].resource.status"),
        (message("gateway.order-placed", order()), 422, "Bundle.entry[1].resource.subject"),
        (
            message("gateway.order-placed", order(), without(patient(), "identifier")),
            422,
            "Bundle.entry[2].resource.identifier",
        ),
        (
            message("gateway.order-placed", order(), {**patient(), "birthDate": "2021-02-30"}),
            422,
            "Bundle.entry[2].resource.birthDate",
        ),
        (
            message("gateway.order-placed", order(), {**patient(), "name": [{"family": 7}]}),
            422,
            "Bundle.entry[2].resource.name[0].family",
        ),
        (message("gateway.order-placed", order(), patient(), patient()), 422, "Bundle.entry"),
        (
            message("gateway.order-placed", {**order(), "subject": {"reference": "Patient/unknown"}}, patient()),
            422,
            "Bundle.entry[1].resource.subject",
        ),
        (
            message("gateway.order-placed", order(), patient(), {"resourceType": "AuditEvent"}),
            422,
            "Bundle.entry[3].resource.resourceType",
        ),
        (without(message("gateway.order-placed", order()), "type"), 422, "Bundle"),
    ],
)
def test_a_wrong_message_is_told_what_and_where_and_leaves_nothing(
    hospital: TestClient, sent: dict[str, Any], status: int, where: str
) -> None:
    answer = send(hospital, sent)
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (status, [where])
    assert issue["details"]["text"]
    assert issue["diagnostics"]
    assert answer.headers["content-type"] == FHIR_JSON
    assert said() == []
    assert found(hospital, "Patient") == []


def test_a_message_that_was_refused_may_come_again_corrected_under_its_id(hospital: TestClient) -> None:
    sent = message("gateway.order-placed", order())
    assert send(hospital, sent).status_code == 422
    sent["entry"].append({"fullUrl": "urn:uuid:1", "resource": patient()})
    assert send(hospital, sent).status_code == 200


def test_a_system_without_the_scope_is_refused_and_that_is_kept(systems: Callable[..., TestClient]) -> None:
    client = systems("reader", "system/Patient.rs")
    assert send(client, message("gateway.order-placed", order(), patient())).status_code == 403
    (refusal,) = [one["resources"][0] for one in said(access=True)]
    assert (refusal["outcome"], refusal["agent"][0]["altId"]) == ("4", "reader")


def test_intake_is_audited_once_a_sitting(hospital: TestClient) -> None:
    for number in ("O-1", "O-2"):
        send(hospital, message("gateway.order-placed", order(number), patient()))
    assert len(said(access=True)) == 1


def sent_by(client: str, sent: dict[str, Any], key: str | None = None) -> Sent:
    who = Principal(client, client, None, None, "system", frozenset({"system/*.cruds"}), client)
    return Sent(who, orjson.dumps(sent), key, str(uuid4()))


def test_one_bad_message_spoils_no_other_that_came_with_it(hospital: TestClient) -> None:
    good = [message("gateway.order-placed", order(f"O-{n}", mrn=f"SYN-{n}"), patient(f"SYN-{n}")) for n in range(3)]
    homeless = message("gateway.order-placed", order("O-9", mrn="SYN-9"))
    answers = accept([sent_by("st-luke", one) for one in [good[0], homeless, good[1], {"not": "FHIR"}, good[2]]])
    assert [type(one) for one in answers] == [Answer, InvalidResource, Answer, InvalidResource, Answer]
    assert len(found(hospital, "ServiceRequest")) == 3
    assert [one["event"] for one in said()] == ["gateway.order-placed"] * 3


def test_messages_that_come_together_are_stored_as_if_each_came_alone(hospital: TestClient) -> None:
    first = message("gateway.order-placed", order("O-1"), patient())
    same = message("gateway.order-placed", order("O-2"), patient())
    changed = message("gateway.order-placed", order("O-3"), patient(family="AFTER"))
    other = message("gateway.order-placed", order("O-4", mrn="SYN-4"), patient("SYN-4"))
    answers = accept([sent_by("st-luke", one) for one in (first, same, first, changed, other)])
    assert all(isinstance(one, Answer) for one in answers)
    assert answers[0] == answers[2]
    assert len(found(hospital, "ServiceRequest")) == 4
    versions = {one["identifier"][0]["value"]: one["meta"]["versionId"] for one in found(hospital, "Patient")}
    assert versions == {"SYN-1": "2", "SYN-4": "1"}
    assert [one["types"] for one in said() if one["event"] == "gateway.order-placed"] == [
        ["ServiceRequest", "Patient"]
    ] * 4


def test_two_messages_of_one_idempotency_key_that_come_together_are_a_conflict(hospital: TestClient) -> None:
    each = [message("gateway.order-placed", order(f"O-{n}", mrn=f"SYN-{n}"), patient(f"SYN-{n}")) for n in range(2)]
    answers = accept([sent_by("st-luke", one, key="k") for one in each])
    assert [type(one) for one in answers] == [Answer, Conflict]
    assert len(found(hospital, "ServiceRequest")) == 1

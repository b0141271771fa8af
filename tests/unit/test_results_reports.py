"""What is signed, byte for byte; what the chain of the audit shows; what the examples of other services mean here."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.chain import GENESIS, Link, check, link_hash
from services.results_sharing.domain.report import Signer, Status, amended, canonical_json, digest, signed, signer
from services.results_sharing.domain.review import Impression, Review, ai_for, within_limit
from services.results_sharing.fhir import answers, facts
from services.results_sharing.fhir.report import for_repository, to_provenance, to_report
from shared.errors import Conflict, Forbidden, InvalidResource
from shared.fhir.message import Message

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ROSA = Signer("rosa", "Dr Rosa", "Practitioner/7c1d")
CASE = Case("c", "k", study_uid="2.25.1", answer=Answer(NOW, flagged=True, report="ai-1"))
SEEN = Review("rosa", NOW, impression=Impression.NORMAL, impression_at=NOW, revealed_at=NOW)
EXAMPLES = Path(__file__).parents[2] / "contracts" / "events"


def example(event: str) -> Message:
    return Message.from_fhir(json.loads((EXAMPLES / f"{event}.example.json").read_text()))


def test_canonical_json_sorts_and_keeps_unicode() -> None:
    assert canonical_json({"b": 1, "a": {"d": "é\n", "c": [1, 0.5]}}) == '{"a":{"c":[1,0.5],"d":"é\\n"},"b":1}'
    assert digest("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def test_the_same_version_is_the_same_bytes() -> None:
    version = signed(CASE, SEEN, "Clear lungs.", ROSA, NOW)
    assert canonical_json(to_report(CASE, None, version)) == canonical_json(to_report(CASE, None, version))


def test_the_hospitals_report_knows_no_hub_id_and_the_repositorys_does() -> None:
    report = to_report(CASE, None, signed(CASE, SEEN, "Clear lungs.", ROSA, NOW))
    assert "urn:uuid" not in canonical_json(report)
    assert for_repository(CASE, report)["resultsInterpreter"][0]["reference"] == "urn:uuid:7c1d"


@pytest.mark.parametrize(
    ("review", "source"), [(SEEN, True), (Review("rosa", NOW, impression=Impression.NORMAL), False)]
)
def test_the_provenance_names_the_program_only_when_the_signer_saw_it(review: Review, source: bool) -> None:  # noqa: FBT001 (a test's parameter)
    version = signed(CASE, review, "Clear lungs.", ROSA, NOW)
    assert ("entity" in to_provenance(CASE, version)) is source


@pytest.mark.parametrize(
    ("role", "practitioner"),
    [("clinician", "Practitioner/1"), ("radiologist", None), ("radiologist", "Device/1"), (None, None)],
)
def test_a_program_or_a_nameless_account_never_signs(role: str | None, practitioner: str | None) -> None:
    with pytest.raises(Forbidden):
        signer("x", "X", role, practitioner)


def test_a_report_without_a_study_cannot_be_signed() -> None:
    with pytest.raises(Conflict, match="no study"):
        signed(Case("c", "k"), SEEN, "Clear lungs.", ROSA, NOW)


def test_a_report_holds_no_control_characters() -> None:
    with pytest.raises(InvalidResource, match="control"):
        signed(CASE, SEEN, "Clear\0 lungs.", ROSA, NOW)


def test_a_report_has_a_limit_and_addenda_count() -> None:
    with pytest.raises(InvalidResource):
        within_limit("x" * 50_001)
    long = signed(CASE, SEEN, "x" * 49_990, ROSA, NOW)
    case = Case("c", "k", study_uid="2.25.1", signed=1)
    with pytest.raises(InvalidResource):
        amended(long, case, "more", ROSA, NOW, seen=1)


def test_the_status_of_each_version_is_fhirs() -> None:
    assert [str(status) for status in Status] == ["final", "amended", "entered-in-error"]


@pytest.mark.parametrize(
    ("review", "visible"),
    [(None, False), (Review("r", NOW), False), (Review("r", NOW, urgent=True), True), (SEEN, True)],
)
def test_the_answer_is_for_who_has_looked(review: Review | None, visible: bool) -> None:  # noqa: FBT001 (a test's parameter)
    assert (ai_for(CASE, review) is not None) is visible


def chain(*events: str) -> list[Link]:
    links, head = [], GENESIS
    for number, event in enumerate(events, 1):
        head = link_hash(head, event)
        links.append(Link(number, event, head, f"signed {head}"))
    return links


def is_signed(hashed: str, signature: str) -> bool:
    return signature == f"signed {hashed}"


def test_a_chain_as_written_is_good_and_so_is_an_empty_one() -> None:
    links = chain("a", "b", "c")
    assert check(links, is_signed).head == links[-1].hash
    assert check([], is_signed).records == 0


@pytest.mark.parametrize(("gone", "broken"), [(0, 2), (1, 3)])
def test_a_gap_in_the_chain_is_named(gone: int, broken: int) -> None:
    links = chain("a", "b", "c")
    del links[gone]
    assert check(links, is_signed).broken == broken


def test_two_swapped_records_are_named() -> None:
    first, second, third = chain("a", "b", "c")
    swapped = [Link(1, second.event, second.hash, second.signature), Link(2, first.event, first.hash, first.signature)]
    assert check([*swapped, third], is_signed).broken == 1


@pytest.mark.parametrize("event", ["imaging.analysis-completed", "imaging.analysis-refused"])
def test_imagings_answers_are_understood(event: str) -> None:
    answer = answers.answer_from(example(event))
    assert answer.model
    assert answer.model_version
    assert facts.study_uid_of(example(event))
    if answer.flagged is None:
        assert answer.reason
    else:
        assert answer.probability is not None
        assert answer.threshold is not None
        assert answer.heat_map
        assert answer.heat_map_series
        assert answer.region
        assert answer.unchecked
        assert answer.report


def test_imagings_holds_are_understood() -> None:
    message = example("imaging.study-held")
    assert facts.hold_from(message).code in {"wrong-patient", "incomplete", "unannounced", "no-images"}
    assert facts.study_uid_of(message)


@pytest.mark.parametrize("event", ["gateway.order-placed", "gateway.order-revoked", "gateway.study-available"])
def test_the_gateways_announcements_name_order_or_study(event: str) -> None:
    message = example(event)
    assert facts.order_keys_of(message) or facts.study_uid_of(message)
    if event != "gateway.order-revoked":
        assert facts.patient_id_of(message)
        assert facts.patients_from(message)[0].name


@pytest.mark.parametrize(
    "outcome",
    [{"issue": []}, {"issue": [{"details": {"text": "x"}}]}, {}],
)
def test_a_hold_without_a_reason_is_the_senders_fault(outcome: dict[str, Any]) -> None:
    bundle = json.loads((EXAMPLES / "imaging.study-held.example.json").read_text())
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "OperationOutcome":
            entry["resource"] = {"resourceType": "OperationOutcome", **outcome}
    with pytest.raises(InvalidResource):
        facts.hold_from(Message.from_fhir(bundle))

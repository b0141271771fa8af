"""What a model is watched by is kept with each answer, and the figures come out of it."""

from typing import Any

import pytest
from department import one_by_one
from sqlalchemy import select
from watched import admitted, filled

from services.imaging import gauges, store
from services.imaging.domain.drift import Verdict
from services.imaging.domain.registry import Stage
from services.imaging.domain.watching import Decision, Judged, ReaderWord
from services.imaging.inference.reader import Prediction
from services.imaging.settings import settings
from services.imaging.store.tables import READER_WORD, WATCHED
from services.imaging.tasks import announce_study, hear_reader, hear_reader_again, read_in_shadow, read_study
from services.imaging.watching import Watch, look
from shared.events import Event, Lane
from shared.fhir import codes
from shared.fhir.message import Message
from shared.security import Role

LOOKS = {"brightness": 0.4, "distance": 11.0}
NAME = "cxr-pneumonia-paediatric"


def rows(table: Any) -> list[dict[str, Any]]:
    with store.transaction() as session:
        return [dict(row) for row in session.execute(select(table)).mappings()]


def watched(version: str, name: str = NAME) -> Watch:
    with store.transaction() as session:
        known = store.models(session)
        entry = next(e for e in known if (e.model.name, e.model.version) == (name, version))
        return look(session, known, entry, settings(), store.now(session))


def signed(
    study: str, version: str, decision: str | None, event: Event = Event.REPORT_SIGNED, status: str = "final"
) -> Message:
    """As results_sharing says it; see contracts/events/results_sharing.report-signed.example.json."""
    source: dict[str, Any] = {
        "role": "source",
        "what": {"identifier": {"system": codes.REPORT_SYSTEM, "value": f"ai-{study}-{NAME}-{version}"}},
    }
    if decision:
        source["extension"] = [{"url": f"{codes.BASE}/StructureDefinition/reader-decision", "valueCode": decision}]
    number = codes.correlation_of(f"{study} report")
    report = {
        "resourceType": "DiagnosticReport",
        "id": number,
        "status": status,
        "code": {"text": "Chest"},
        "imagingStudy": [{"identifier": codes.study_identifier(study)}],
    }
    provenance = {
        "resourceType": "Provenance",
        "id": codes.correlation_of(f"{study} provenance"),
        "target": [{"reference": f"urn:uuid:{number}"}],
        "recorded": "2026-06-01T11:00:00Z",
        "agent": [{"who": {"display": "a radiologist"}}],
        "entity": [source],
    }
    return Message.build(event, Lane.ROUTINE, codes.correlation_of(study), [report, provenance])


def said(score: float, *, familiar: bool = True) -> Any:
    return one_by_one(lambda *_: Prediction((score,), familiar=familiar, looks=LOOKS))


def test_an_answer_and_its_shadow_leave_small_numbers_with_age_sex_and_stage(
    imaging: Any, announcement: Any, child: Any, released: Any
) -> None:
    hub, one = imaging(), child()
    admitted("7.0.0", Stage.SHADOW)
    hub.stow(one.part10())
    message = announcement(one)
    message.resource("Patient")["gender"] = "female"
    announce_study(message)
    read_study(hub.said(Event.STUDY_COMPLETED)[-1], predict=said(0.95))
    read_in_shadow(hub.said(Event.SHADOW_DUE)[-1], predict=said(0.2))
    kept = {row["version"]: row for row in rows(WATCHED)}
    live, shadow = kept[released.version], kept["7.0.0"]
    assert (live["stage"], live["outcome"], live["flagged"], live["score"]) == ("live", "flagged", True, 0.95)
    assert (shadow["stage"], shadow["outcome"], shadow["flagged"]) == ("shadow", "not-flagged", False)
    assert (live["age"], live["sex"], live["looks"]) == (3, "female", LOOKS)
    [beside] = watched("7.0.0").beside
    assert beside.table == ((0, 1, 0), (0, 0, 0), (0, 0, 0))
    assert beside.scores == ((0.95, 0.2),)


def test_a_picture_unlike_the_training_is_watched_too_for_that_is_where_drift_shows(
    imaging: Any, announcement: Any, child: Any
) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    announce_study(announcement(one))
    read_study(hub.said(Event.STUDY_COMPLETED)[-1], predict=said(0.95, familiar=False))
    [row] = rows(WATCHED)
    assert (row["outcome"], row["score"], row["flagged"]) == ("unlike-training-data", None, None)
    assert row["looks"] == LOOKS
    assert watched(row["version"]).reasons == {"unlike-training-data": 1}


def test_a_study_that_a_model_was_not_meant_for_is_no_refusal_of_it(
    imaging: Any, announcement: Any, child: Any
) -> None:
    hub, one = imaging(), child(born="19700105")
    hub.stow(one.part10())
    announce_study(announcement(one))
    read_study(hub.said(Event.STUDY_COMPLETED)[-1], predict=said(0.95))
    assert hub.said(Event.ANALYSIS_REFUSED)
    assert rows(WATCHED) == []


def test_the_released_model_leaves_every_statistic_of_a_picture(imaging: Any, announcement: Any, child: Any) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    announce_study(announcement(one))
    read_study(hub.said(Event.STUDY_COMPLETED)[-1])
    [row] = rows(WATCHED)
    assert set(row["looks"]) == {
        *("brightness", "contrast", "entropy", "sharpness", "megapixels", "aspect", "distance"),
    }
    drifts = {each.statistic: each for each in watched(row["version"]).drifts}
    assert {each.verdict for each in drifts.values()} == {Verdict.TOO_FEW}
    assert drifts["brightness"].reference
    assert "validation" in drifts["brightness"].reference.of


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_signature_is_heard_once_and_a_withdrawal_takes_it_back_in_whichever_order(
    imaging: Any, *, withdrawn_first: bool
) -> None:
    imaging()
    model = admitted("7.0.0", Stage.CANARY)
    filled(model, studies=1)
    with store.transaction() as session:
        session.execute(READER_WORD.delete())
    word = signed("2.25.1", "7.0.0", "reject")
    taken = signed("2.25.1", "7.0.0", None, Event.REPORT_AMENDED, "entered-in-error")
    order = [lambda: hear_reader_again(taken), lambda: hear_reader(word), lambda: hear_reader(word)]
    for hear in order if withdrawn_first else order[::-1]:
        hear()
    [row] = rows(READER_WORD)
    assert (row["decision"], row["withdrawn"]) == ("reject", True)
    assert watched("7.0.0").judged == []


def test_a_signer_who_decided_nothing_leaves_no_word(imaging: Any) -> None:
    imaging()
    hear_reader(signed("2.25.1", "7.0.0", None))
    assert rows(READER_WORD) == []


def test_a_word_on_one_model_tells_of_another_that_looks_for_the_same(imaging: Any) -> None:
    imaging()
    live, shadow = admitted("7.0.0", Stage.CANARY), admitted("7.1.0", Stage.SHADOW)
    filled(live, shadow, studies=40)
    own, others = watched("7.0.0"), watched("7.1.0")
    assert own.told
    assert all(each.own for each in own.told)
    assert not any(each.own for each in others.told)
    found = {each.answer.study: each.present for each in own.told}
    assert {each.answer.study: each.present for each in others.told} == found


def test_brighter_pictures_are_a_drift_and_others_are_not(imaging: Any) -> None:
    imaging()
    filled(admitted("7.0.0", Stage.CANARY), studies=300, brighter=0.05)
    drifts = {each.statistic: each.verdict for each in watched("7.0.0").drifts}
    assert drifts.pop("brightness") is Verdict.DRIFTED
    assert set(drifts.values()) == {Verdict.STEADY}


def test_without_a_reference_of_its_own_the_first_answers_here_stand_in(imaging: Any) -> None:
    imaging()
    filled(admitted("7.0.0", Stage.CANARY, with_reference=False), studies=300)
    drifts = watched("7.0.0").drifts
    assert {each.verdict for each in drifts} == {Verdict.STEADY}
    assert all(each.reference and each.reference.of.startswith("the first") for each in drifts)
    assert all(each.n <= 200 for each in drifts)


def test_gauges_show_each_model_and_nobody(imaging: Any, released: Any) -> None:
    imaging()
    filled(admitted("7.0.0", Stage.CANARY), studies=200)
    with store.transaction() as session:
        families = {family.name: family.samples for family in gauges.studies(session)}
    named = {"model": NAME, "version": "7.0.0"}
    psi = [s.labels["statistic"] for s in families["hub_model_psi"] if s.labels["version"] == "7.0.0"]
    assert set(psi) >= {"brightness", "score", "distance"}
    shown = {(s.labels["measure"], s.labels["bound"]): s.value for s in families["hub_model_agreement"]}
    for measure in ("sensitivity", "specificity", "PPV", "NPV", "agreement", "recent", "before"):
        assert shown[measure, "low"] <= shown[measure, "value"] <= shown[measure, "high"]
    answers = {s.labels["version"]: s.value for s in families["hub_model_window_answers"]}
    assert answers == {released.version: 0, "7.0.0": 200}
    texts = {label for samples in families.values() for s in samples for label in s.labels.values()}
    assert not any("2.25" in text for text in texts)
    assert any(s.labels == named for s in families["hub_model_refused_share"])


def test_a_reader_s_word_has_room_for_no_reader() -> None:
    assert set(ReaderWord.__annotations__) == {"study", "model", "version", "decision", "withdrawn"}
    assert set(Judged.__annotations__) == {"answer", "present", "own"}
    assert set(Decision) == {"accept", "correct", "reject"}


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.RADIOLOGIST, 200),
        (Role.CLINICIAN, 200),
        (Role.ADMINISTRATOR, 200),
        (Role.SECRETARY, 403),
        (Role.PATIENT, 403),
        (None, 403),
    ],
)
def test_the_page_is_for_those_who_answer_for_models(imaging: Any, role: Role | None, status: int) -> None:
    hub = imaging()
    answer = hub.http.get("/models", headers=hub.sign(role=role) | {"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"

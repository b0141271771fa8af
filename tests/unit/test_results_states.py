"""Every sequence of events leaves a case in exactly one state, whatever their order; nothing leads nowhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.results_sharing.domain import delivery, hold, review
from services.results_sharing.domain.answer import AiState, Answer
from services.results_sharing.domain.case import Case, Hold
from services.results_sharing.domain.facts import (
    Answered,
    AnswerOverdue,
    Fact,
    InstancesStored,
    OrderPlaced,
    OrderRevoked,
    StudyAnnounced,
    StudyCompleted,
    StudyHeld,
    merge,
    take,
)
from services.results_sharing.domain.order import Identifier, Order, Study
from services.results_sharing.domain.report import Signer
from services.results_sharing.domain.state import State, ai_state, is_open, late_images, running_until, state
from services.results_sharing.domain.state import not_analysed_reason as why
from shared.errors import Conflict, HubError, InvalidResource, Unavailable
from shared.events import Lane

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
ROSA = Signer("rosa", "Dr Rosa", "Practitioner/1")
NEW = Case("c", "k", study_uid="2.25.1")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def order(at: datetime = START, priority: str | None = "stat") -> Order:
    return Order("urn:uuid:o", (Identifier("s", "A", "ACSN"),), priority, "Chest", None, None, at)


def study(at: datetime = START) -> Study:
    return Study("Chest", "DX", None, 2, at)


def answer(at: datetime = START, *, flagged: bool | None = True) -> Answer:
    return Answer(at, flagged, reason=None if flagged is not None else "adult", model="m", model_version="1")


PLACED = OrderPlaced(order())
REVOKED = OrderRevoked(minute(5), order(minute(5)))
ANNOUNCED = StudyAnnounced(study(minute(1)), Lane.URGENT)
STORED = InstancesStored(study(minute(2)), Lane.ROUTINE)
COMPLETED = StudyCompleted(study(minute(3)), Lane.ROUTINE)
HELD = StudyHeld(Hold("wrong-patient", minute(4)), study(minute(4)), Lane.ROUTINE)
ANSWERED = Answered(answer(minute(4)), Lane.ROUTINE)
REFUSED = Answered(answer(minute(4), flagged=None), Lane.ROUTINE)


def told(*facts: Fact, case: Case = NEW) -> Case:
    for fact in facts:
        case = take(case, fact)
    return case


def sign(case: Case, version: int = 1) -> Case:
    return replace(case, signed=version, signed_at=minute(20))


@pytest.mark.parametrize(("stored", "looked", "late"), [(2, 2, 0), (5, 2, 3), (1, 2, 0), (5, None, 0), (None, 2, 0)])
def test_images_that_came_after_a_model_had_looked_are_counted(
    stored: int | None, looked: int | None, late: int
) -> None:
    came = InstancesStored(replace(study(minute(6)), instances=stored), Lane.ROUTINE)
    said = Answered(replace(answer(minute(4)), instances=looked), Lane.ROUTINE)
    assert late_images(told(STORED, said, came)) == late_images(told(came, said, STORED)) == late
    assert late_images(told(came)) == 0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([PLACED], State.RUNNING),
        ([ANNOUNCED], State.RUNNING),
        ([STORED], State.RUNNING),
        ([ANNOUNCED, COMPLETED], State.RUNNING),
        ([ANNOUNCED, AnswerOverdue()], State.AWAITING_HUMAN),
        ([ANNOUNCED, ANSWERED], State.AWAITING_HUMAN),
        ([ANNOUNCED, REFUSED], State.AWAITING_HUMAN),
        ([ANNOUNCED, HELD], State.AWAITING_HUMAN),
        ([COMPLETED, HELD], State.AWAITING_HUMAN),
        ([ANNOUNCED, REVOKED], State.REVOKED),
        ([HELD, REVOKED], State.REVOKED),
        ([ANSWERED, REVOKED], State.REVOKED),
        ([REVOKED, ANNOUNCED, ANSWERED], State.REVOKED),
    ],
)
def test_facts_lead_to_a_state(facts: list[Fact], expected: State) -> None:
    assert state(told(*facts)) is expected


def test_a_completion_after_a_hold_lifts_it() -> None:
    assert state(told(HELD, StudyCompleted(study(minute(6)), Lane.STAT))) is State.RUNNING
    assert state(told(StudyCompleted(study(minute(6)), Lane.STAT), HELD)) is State.RUNNING


def test_a_rejected_case_stays_rejected_when_the_order_is_revoked() -> None:
    rejected = hold.resolved(told(HELD), "reject", "another child", ROSA, minute(9))
    assert state(rejected) is State.REJECTED
    assert state(take(rejected, REVOKED)) is State.REJECTED
    assert state(take(rejected, ANSWERED)) is State.REJECTED


def test_a_signed_report_runs_until_the_hospital_acknowledges_it() -> None:
    case = sign(told(ANSWERED))
    assert state(case) is State.RUNNING
    assert state(take(case, REVOKED)) is State.RUNNING
    leased = delivery.leased(case, "w", minute(21))
    assert leased is not None
    assert state(leased) is State.RUNNING
    assert state(delivery.missed(leased, "w", "503", failed=False)) is State.RUNNING
    assert state(delivery.missed(leased, "w", "422", failed=True)) is State.DEAD_LETTERED
    delivered = delivery.acknowledged(leased, "w", 1)
    assert state(delivered) is State.DELIVERED
    assert state(sign(delivered, 2)) is State.RUNNING


def test_an_acknowledgement_after_a_failure_ends_it() -> None:
    failed = delivery.missed(sign(told(ANSWERED)), "w", "422", failed=True)
    again = delivery.leased(failed, "w", minute(21))
    assert again is not None
    assert state(again) is State.DEAD_LETTERED
    assert state(delivery.acknowledged(again, "w", 1)) is State.DELIVERED


def test_only_one_sender_holds_the_lease_and_only_for_its_time() -> None:
    case = delivery.leased(sign(told(ANSWERED)), "one", minute(21))
    assert case is not None
    with pytest.raises(Unavailable):
        delivery.leased(case, "two", minute(21))
    taken = delivery.leased(case, "two", minute(23))
    assert taken is not None
    assert taken.delivery.lease == "two"


def test_who_lost_the_lease_leaves_the_hospitals_state_unknown_and_the_other_sending() -> None:
    case = delivery.leased(sign(told(ANSWERED), 2), "two", minute(21))
    assert case is not None
    late = delivery.acknowledged(case, "one", 1)
    assert late.delivery.acknowledged == 0
    assert late.delivery.lease == "two"
    assert delivery.missed(case, "one", "503", failed=False).delivery.lease == "two"


def test_no_version_is_sent_that_is_not_newer_than_the_acknowledged() -> None:
    case = delivery.acknowledged(sign(told(ANSWERED), 2), "w", 2)
    assert delivery.leased(case, "w", minute(21)) is None


@pytest.mark.parametrize(
    ("facts", "expected", "reason"),
    [
        ([ANNOUNCED], AiState.RUNNING, None),
        ([ANSWERED], AiState.FLAGGED, None),
        ([Answered(answer(flagged=False), Lane.STAT)], AiState.NOT_FLAGGED, None),
        ([REFUSED], AiState.NOT_ANALYSED, "adult"),
        ([STORED, AnswerOverdue()], AiState.NOT_ANALYSED, "no answer"),
        ([ANNOUNCED, AnswerOverdue()], AiState.NOT_ANALYSED, "no images yet"),
        ([AnswerOverdue(), ANSWERED], AiState.FLAGGED, None),
        ([HELD], AiState.NOT_ANALYSED, "the images do not belong to the announced patient"),
    ],
)
def test_a_model_that_failed_never_looks_like_normal(facts: list[Fact], expected: AiState, reason: str | None) -> None:
    case = told(*facts)
    assert ai_state(case) is expected
    assert why(case) == reason


def test_an_answer_after_the_signature_changes_nothing_but_is_kept() -> None:
    before = sign(told(ANNOUNCED))
    after = take(before, ANSWERED)
    assert after.answer is None
    assert after.late_answer == ANSWERED.answer
    assert take(before, AnswerOverdue()) == before


def test_a_read_hold_allows_the_signature_and_another_hold_stands_again() -> None:
    incomplete = told(ANNOUNCED, StudyHeld(Hold("incomplete", minute(4)), study(minute(4)), Lane.STAT))
    allowed = hold.resolved(incomplete, "read", "enough", ROSA, minute(9))
    with pytest.raises(Conflict):
        hold.resolved(allowed, "read", "enough", ROSA, minute(10))
    later = StudyHeld(Hold("wrong-patient", minute(11)), study(minute(11)), Lane.STAT)
    assert hold.resolved(take(allowed, later), "reject", "no", ROSA, minute(12)).resolution is not None


@pytest.mark.parametrize("action", ["reject", "read"])
def test_a_hold_is_resolved_with_a_reason_and_only_while_it_stands(action: hold.Action) -> None:
    with pytest.raises(Conflict):
        hold.resolved(told(ANNOUNCED), action, "reason", ROSA, minute(9))
    with pytest.raises(InvalidResource):
        hold.resolved(told(HELD), action, "", ROSA, minute(9))


def test_the_lane_is_the_orders_and_else_the_most_urgent_of_the_messages() -> None:
    assert told(ANNOUNCED, STORED).lane is Lane.URGENT
    assert told(STORED, ANNOUNCED).lane is Lane.URGENT
    assert told(ANNOUNCED, OrderPlaced(order(priority=None))).lane is Lane.ROUTINE


facts_of_a_study = st.one_of(
    st.builds(OrderPlaced, st.builds(order, st.integers(0, 9).map(minute), st.sampled_from(["stat", "routine"]))),
    st.builds(OrderRevoked, st.integers(0, 9).map(minute), st.builds(order, st.integers(0, 9).map(minute))),
    st.builds(StudyAnnounced, st.builds(study, st.integers(0, 9).map(minute)), st.sampled_from(Lane)),
    st.builds(InstancesStored, st.builds(study, st.integers(0, 9).map(minute)), st.sampled_from(Lane)),
    st.builds(StudyCompleted, st.builds(study, st.integers(0, 9).map(minute)), st.sampled_from(Lane)),
    st.builds(
        StudyHeld,
        st.builds(Hold, st.sampled_from(["incomplete", "wrong-patient"]), st.integers(0, 9).map(minute)),
        st.builds(study, st.integers(0, 9).map(minute)),
        st.sampled_from(Lane),
    ),
    st.builds(
        Answered,
        st.builds(answer, st.integers(0, 9).map(minute), flagged=st.sampled_from([True, False, None])),
        st.sampled_from(Lane),
    ),
    st.just(AnswerOverdue()),
)

ACTS = {
    "sign": sign,
    "amend": lambda case: sign(case, case.signed + 1) if case.signed else case,
    "lease": lambda case: delivery.leased(case, "w", minute(30)) or case,
    "acknowledge": lambda case: delivery.acknowledged(case, "w", case.signed) if case.signed else case,
    "miss": lambda case: delivery.missed(case, "w", "503", failed=False) if case.signed else case,
    "fail": lambda case: delivery.missed(case, "w", "422", failed=True) if case.signed else case,
    "reject": lambda case: hold.resolved(case, "reject", "r", ROSA, minute(30)),
    "read": lambda case: hold.resolved(case, "read", "r", ROSA, minute(30)),
}


@given(st.lists(st.one_of(facts_of_a_study, st.sampled_from(sorted(ACTS))), min_size=1, max_size=25))
def test_every_sequence_of_events_and_acts_ends_in_one_state_with_an_end(steps: list[Fact | str]) -> None:
    case = NEW
    for step in steps:
        try:
            if not isinstance(step, str):
                case = take(case, step)
            elif step != "sign" or is_open(case):
                case = ACTS[step](case)
        except HubError:
            continue
    case = replace(case, answer_due_at=case.answer_due_at or minute(5)) if case.heard_at else case
    where = state(case)
    assert where in State
    if where is State.RUNNING and (case.heard_at or case.ordered_at):
        assert running_until(case) is not None
    assert (where is State.RUNNING) or running_until(case) is None
    if case.signed:
        assert where in {State.RUNNING, State.DELIVERED, State.DEAD_LETTERED}


@given(st.lists(facts_of_a_study, max_size=8), st.randoms())
def test_the_order_of_the_facts_never_matters(facts: list[Fact], chance: object) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(*facts) == told(*shuffled)


@given(st.lists(facts_of_a_study, max_size=8))
def test_the_same_facts_three_times_are_once(facts: list[Fact]) -> None:
    once = told(*facts)
    assert told(*facts, *facts, case=once) == once


def test_a_half_that_knew_the_order_completes_the_case() -> None:
    half = told(PLACED, REVOKED, case=Case("h", "k", keys=frozenset({"A"})))
    joined = merge(told(ANNOUNCED), half)
    assert joined == replace(told(ANNOUNCED, PLACED, REVOKED), keys=frozenset({"A"}))
    assert state(joined) is State.REVOKED


def test_an_ended_case_takes_no_review() -> None:
    for case in (sign(told(ANSWERED)), told(ANSWERED, REVOKED)):
        with pytest.raises(Conflict):
            review.require_open(case)

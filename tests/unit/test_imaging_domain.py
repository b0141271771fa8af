"""The rules of imaging, without anything around them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Category, Concept, IntendedUse, Measure, Model, Spacing, Task
from services.imaging.domain.reading import (
    Coverage,
    Finding,
    Opinion,
    Reason,
    Refusal,
    age_in_years,
    conclude,
    eligible,
    parse_date,
)
from services.imaging.domain.study import (
    Announcement,
    Await,
    Complete,
    Hold,
    Issuers,
    Limits,
    Person,
    State,
    Stay,
    Study,
    Wait,
    decide,
)
from shared.events import Lane

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = Limits(quiet=timedelta(seconds=30), patience=timedelta(hours=24))
ISSUERS = Issuers({"ST-LUKE": "https://st-luke.example/mrn"}, "ST-LUKE")
ANNOUNCED = Announcement(
    "1.2", Lane.ROUTINE, 1, 2, frozenset({Person("https://st-luke.example/mrn", "SYN-1")}), (), {}, {}
)
STUDY = Study(
    "1.2", State.RECEIVING, None, Lane.ROUTINE, ANNOUNCED, NOON, NOON, None, 2, frozenset({("SYN-1", "ST-LUKE")}), NOON
)
PICTURE = Instance(
    "1.2.3",
    "1.2.2",
    "1.2",
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.1.2.1",
    "0" * 64,
    1000,
    "SYN-1",
    "ST-LUKE",
    "CR",
    "CHEST",
    "AP",
    "ORIGINAL\\PRIMARY",
    1,
    512,
    640,
    1,
    "20260601",
    "20230105",
    has_pixels=True,
)
USE = IntendedUse(frozenset({"CR", "DX"}), frozenset({"CHEST"}), frozenset({"AP", "PA"}), 1, 6)
PNEUMONIA = Category(Concept("Pneumonia", ()), 0.5, flags=True)
MODEL = Model("chest", "1.0.0", "0" * 64, "Chest", Task.CLASSIFICATION, (PNEUMONIA,), USE)


def step(study: Study, now: datetime = NOON) -> object:
    return decide(study, ISSUERS, LIMITS, now)


def test_all_announced_pictures_of_the_right_patient_complete_a_study() -> None:
    assert isinstance(step(STUDY), Complete)


def test_a_missing_picture_is_waited_for_a_day_and_then_a_human_is_asked() -> None:
    study = replace(STUDY, present=1)
    assert step(study) == Wait(NOON + timedelta(hours=24))
    assert step(study, NOON + timedelta(hours=24)) == Await(Hold.INCOMPLETE)


@pytest.mark.parametrize("expected", [None, 0])
def test_without_a_number_silence_is_waited_for(expected: int | None) -> None:
    study = replace(STUDY, announcement=replace(ANNOUNCED, expected=expected))
    assert step(study) == Wait(NOON + timedelta(seconds=30))
    assert isinstance(step(study, NOON + timedelta(seconds=30)), Complete)


@pytest.mark.parametrize("named", [("SYN-2", "ST-LUKE"), ("SYN-1", "ELSEWHERE"), ("", ""), ("syn-1", "ST-LUKE")])
@pytest.mark.parametrize("state", [State.RECEIVING, State.HELD, State.COMPLETE, State.ANSWERED])
def test_one_picture_of_another_patient_stops_everything(named: tuple[str, str], state: State) -> None:
    study = replace(STUDY, state=state, pictured=STUDY.pictured | {named})
    assert step(study) == Await(Hold.WRONG_PATIENT)


def test_two_patients_in_one_unannounced_study_are_noticed_at_once() -> None:
    study = replace(STUDY, announcement=None, pictured=frozenset({("SYN-1", ""), ("SYN-2", "")}))
    assert step(study) == Await(Hold.WRONG_PATIENT)


def test_without_a_default_issuer_a_file_that_names_none_matches_nobody() -> None:
    study = replace(STUDY, pictured=frozenset({("SYN-1", "")}))
    assert decide(study, Issuers(ISSUERS.systems, None), LIMITS, NOON) == Await(Hold.WRONG_PATIENT)


@given(
    state=some.sampled_from(State),
    present=some.integers(0, 3),
    expected=some.none() | some.integers(0, 3),
    announced=some.booleans(),
    hours=some.floats(0, 100),
)
def test_what_is_read_is_announced_complete_and_the_right_patients(
    state: State, present: int, expected: int | None, hours: float, *, announced: bool
) -> None:
    announcement = replace(ANNOUNCED, expected=expected) if announced else None
    pictured = STUDY.pictured if present else frozenset()
    study = replace(STUDY, state=state, present=present, announcement=announcement, pictured=pictured)
    taken = step(study, NOON + timedelta(hours=hours))
    if isinstance(taken, Complete):
        assert announced
        assert present >= max(expected or 0, 1)
        assert state in {State.RECEIVING, State.HELD}
    if state is State.REVOKED:
        assert isinstance(taken, Stay)


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        ("20200229", "20260228", 5),
        ("20200229", "20260301", 6),
        ("20230105", "20230104", -1),
        ("20230601", "20260601", 3),
    ],
)
def test_age_is_in_completed_years(born: str, on: str, years: int) -> None:
    first, second = parse_date(born), parse_date(on)
    assert first
    assert second
    assert age_in_years(first, second) == years


@pytest.mark.parametrize("text", ["", "2023", "20231301", "2023-01-05", "x" * 8])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_the_birth_date_of_the_picture_counts_before_the_announced() -> None:
    assert eligible([PICTURE], date(1980, 1, 1), [], USE) == [PICTURE]


def test_an_adult_among_children_in_one_study_refuses_it() -> None:
    refused = eligible([PICTURE, replace(PICTURE, birth_date="19800101")], None, [], USE)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.ADULT


def test_what_the_hub_or_a_workstation_made_is_not_read() -> None:
    made = replace(PICTURE, hub_made=True)
    secondary = replace(PICTURE, image_type="DERIVED\\SECONDARY")
    processed = replace(PICTURE, image_type="DERIVED\\PRIMARY")
    assert eligible([made, secondary, processed, PICTURE], None, [], USE) == [processed, PICTURE]


def test_a_body_part_that_only_the_announcement_names_is_enough() -> None:
    assert eligible([replace(PICTURE, body_part="")], None, ["CHEST"], USE) != []
    assert isinstance(eligible([replace(PICTURE, body_part="HAND")], None, ["CHEST"], USE), Refusal)


@pytest.mark.parametrize(
    ("use", "change", "reason"),
    [
        (USE, {"modality": "CT"}, Reason.MODALITY),
        (USE, {"body_part": "HAND"}, Reason.BODY_PART),
        (USE, {"birth_date": "20260501"}, Reason.TOO_YOUNG),
        (USE, {"birth_date": "20100501"}, Reason.UNLIKE_TRAINING_DATA),
        (USE, {"birth_date": "19800501"}, Reason.ADULT),
        (USE, {"birth_date": ""}, Reason.AGE_UNKNOWN),
        (USE, {"view": "LL"}, Reason.UNLIKE_TRAINING_DATA),
        (USE, {"has_pixels": False}, Reason.NO_PIXELS),
        (USE, {"frames": 2}, Reason.FRAMES),
        (replace(USE, photometric=frozenset({"MONOCHROME2"})), {"photometric": "RGB"}, Reason.PHOTOMETRIC),
        (replace(USE, spacing=Spacing(0.1, 0.3)), {"spacing": ()}, Reason.PIXEL_SPACING),
        (replace(USE, spacing=Spacing(0.1, 0.3)), {"spacing": (0.2, 0.5)}, Reason.PIXEL_SPACING),
    ],
)
def test_a_picture_that_a_model_was_not_made_for_is_refused_with_the_reason(
    use: IntendedUse, change: dict[str, object], reason: Reason
) -> None:
    refused = eligible([replace(PICTURE, **change)], None, [], use)  # type: ignore[arg-type]
    assert isinstance(refused, Refusal)
    assert refused.reason is reason


@pytest.mark.parametrize(
    ("use", "change"),
    [
        (replace(USE, frames=10), {"frames": 10}),
        (replace(USE, at_least=None, below=None), {"birth_date": ""}),
        (replace(USE, views=frozenset()), {"view": "LL"}),
        (replace(USE, spacing=Spacing(0.1, None)), {"spacing": (0.2, 5.0)}),
        (replace(USE, photometric=frozenset({"RGB"})), {"photometric": ""}),
    ],
)
def test_what_a_model_leaves_open_is_no_reason_to_refuse(use: IntendedUse, change: dict[str, object]) -> None:
    assert isinstance(eligible([replace(PICTURE, **change)], None, [], use), list)  # type: ignore[arg-type]


def opinion(*scores: float, familiar: bool = True, measure: float | None = None) -> Opinion:
    return Opinion(PICTURE, scores, familiar, measure=measure)


def test_the_highest_familiar_opinion_counts_and_the_threshold_flags() -> None:
    found = conclude([opinion(0.2), opinion(0.5), opinion(0.9, familiar=False)], 0, MODEL)
    assert isinstance(found, Finding)
    assert (found.probability, found.flagged, found.coverage) == (0.5, True, Coverage(2, unlike=1))


def test_an_unread_picture_never_becomes_not_flagged_and_never_hides_a_flag() -> None:
    refused = conclude([opinion(0.1)], 1, MODEL)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNREADABLE
    assert refused.text == "1 of 2 images could not be decoded"
    found = conclude([opinion(0.9)], 1, MODEL)
    assert isinstance(found, Finding)
    assert found.coverage == Coverage(1, undecodable=1)
    assert (
        found.coverage._replace(others=2).words
        == "Read 1 of 4 images: 1 could not be decoded, 2 not of a kind that the model reads"
    )


def test_of_several_classes_the_flagged_one_counts_though_another_is_more_probable() -> None:
    benign = Category(Concept("Nothing", ()), 0.5, flags=False)
    rare = Category(Concept("Rare", ()), 0.1, flags=True)
    model = replace(MODEL, categories=(benign, PNEUMONIA, rare))
    found = conclude([opinion(0.5, 0.35, 0.15)], 0, model)
    assert isinstance(found, Finding)
    assert (found.category, found.flagged, found.probability) == (2, True, 0.15)
    unflagged = conclude([opinion(0.6, 0.35, 0.05)], 0, model)
    assert isinstance(unflagged, Finding)
    assert (unflagged.category, unflagged.flagged) == (1, False)


def test_a_model_that_only_measures_says_its_largest_measure() -> None:
    vessel = Category(Concept("Vessel", ()), 0.5, flags=False)
    model = replace(MODEL, categories=(vessel,), measure=Measure(Concept("Area", ()), "%", "picture"))
    found = conclude([opinion(0.9, measure=3.0), opinion(0.9, measure=7.0)], 0, model)
    assert isinstance(found, Finding)
    assert (found.flagged, found.opinion.measure) == (False, 7.0)

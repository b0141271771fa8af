"""The words of the readers' pages: ages, scores, places, and what a timeline tells."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case, Delivery
from services.results_sharing.domain.order import Patient
from services.results_sharing.pages import words
from services.results_sharing.store import Moment
from shared.events import Event
from shared.web import environment

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
WHY = "1 could not be decoded, 1 unlike the images that the model learned from, 3 not of a kind that the model reads"


@pytest.mark.parametrize(
    ("born", "told"),
    [
        ("2026-11-24", "0 months"),
        ("2024-11-25", "23 months"),
        ("2024-11-24", "2 years"),
        ("1940-03-05", "86 years"),
        ("2020-12", "5 years"),
        ("1940", "about 86 years"),
        (None, None),
    ],
)
def test_an_age_is_told_in_years_and_under_two_in_months(born: str | None, told: str | None) -> None:
    assert words.age(Patient("1", (), "Doe", born, None, NOW), TODAY) == told


def test_nobody_has_no_age_and_no_number() -> None:
    assert words.age(None, TODAY) is None
    assert words.number(None) is None


@pytest.mark.parametrize(("value", "told"), [(1.0, "over 0.99"), (0.87, "0.87"), (0.004, "under 0.01")])
def test_no_score_is_told_as_certain(value: float, told: str) -> None:
    assert words.score(value) == told


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("0.7,0.05,0.2,0.2", "lower left"),
        ("0.0,0.4,0.2,0.2", "upper centre"),
        ("0.4,0.8,0.2,0.2", "middle right"),
        ("0.0,0.0,1.0,1.0", "spread over most of the image"),
    ],
)
def test_a_place_is_told_as_it_lies_on_the_screen(region: str, told: str) -> None:
    assert words.place(region).startswith(told)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, None),
        ({"read": 1}, "it read 1 of 1 image"),
        (
            {"read": 2, "undecodable": 1, "unlike": 1, "others": 3},
            f"it read 2 of 7 images; {WHY}",
        ),
    ],
)
def test_an_answer_says_how_many_images_it_is_about_and_why_not_about_the_others(
    counts: dict[str, int], told: str | None
) -> None:
    answer = Answer(NOW, flagged=False, images=counts)
    assert words.images(answer) == told
    assert words.is_partial(answer) is (len(counts) > 1)


@pytest.mark.parametrize(("undecodable", "marked"), [(0, False), (1, True)])
def test_a_partly_read_study_never_looks_fully_read(undecodable: int, marked: bool) -> None:  # noqa: FBT001 (a parameter)
    images = {"read": 2, "undecodable": undecodable}
    answer = Answer(NOW, flagged=True, images=images, image="image 3, frame 2")
    view, page = SimpleNamespace(answer=answer, site=None), SimpleNamespace(ai="answer")
    shown = " ".join(
        environment().get_template("results_sharing/_ai.html").render(view=view, page=page, words=words).split()
    )
    assert f"it read 2 of {2 + undecodable} images" in shown
    assert "The result is of image 3, frame 2." in shown
    assert ("The result says nothing about the others." in shown) is marked


def test_a_timeline_leaves_out_what_tells_a_reader_nothing() -> None:
    told = words.moments(
        [Moment(event, NOW, "stat", "1", "") for event in (Event.STUDY_AVAILABLE, Event.RESOURCE_CHANGED)]
    )
    assert told == [(NOW, "The hospital announced the study")]


@pytest.mark.parametrize(
    ("way", "colour"),
    [
        (Delivery(acknowledged=1), "green"),
        (Delivery(), "accent"),
        (Delivery(problem="the hospital's server is down"), "amber"),
        (Delivery(failed=True), "red"),
    ],
)
def test_each_way_of_a_report_has_its_own_words_and_colour(way: Delivery, colour: str) -> None:
    assert words.delivery(Case("1", "c", signed=1, delivery=way))[1] == colour


def test_a_value_was_taken_at_a_time_or_on_a_day() -> None:
    assert words.taken("2026-11-24") == "2026-11-24"
    assert 'datetime="2026-11-24T08:00:00+00:00"' in words.taken("2026-11-24T09:00:00+01:00")

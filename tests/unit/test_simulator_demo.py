"""The demo reads pages and timelines as they are, and says what is missing."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from services.simulator.demo.display import Display
from services.simulator.demo.forms import forms_of
from services.simulator.demo.steps import Progress, Step
from services.simulator.domain import examinations

PAGE = """
<form action="/cases/7/sign" method="post">
  <input type="hidden" name="seen" value="3"><textarea name="text">draft</textarea>
  <input type="radio" name="impression" value="normal" checked><input type="radio" name="impression" value="abnormal">
  <select name="slot"><option value="s1">Mon</option><option value="s2">Tue</option></select>
  <select name="place"><option value="a">A</option><option value="b" selected>B</option></select>
  <button name="go" value="now">Sign<span> for ALDER, Ada</span></button>
</form>
<form action="/sign-out" method="post"></form>
"""


@pytest.fixture
def case() -> Progress:
    return Progress(examinations(1, 1, datetime(2026, 11, 24, 9, tzinfo=UTC))[0])


def timeline(*moments: tuple[str, str], refused: str | None = None) -> dict[str, Any]:
    """What the hub's door answers; each event was heard when it was said."""
    told = [{"event": event, "at": at, "heard": at} for event, at in moments]
    return {"case": "c1", "state": "running", "hold": None, "not_analysed": refused, "moments": told}


STORED = ("imaging.instances-stored", "2026-11-24T09:00:01+00:00")
ANNOUNCED = ("gateway.study-available", "2026-11-24T09:00:02.500+00:00")
REFUSED = ("imaging.analysis-refused", "2026-11-24T09:00:04+00:00")


def test_a_form_sends_what_it_holds_and_names_what_it_asks() -> None:
    sign, out = forms_of(PAGE)
    assert sign.fields == {"seen": "3", "text": "", "impression": "normal", "slot": "s1", "place": "b"}
    assert sign.names == {"seen", "text", "impression", "slot", "place", "go"}
    assert "Sign for ALDER, Ada" in sign.text
    assert (sign.action, out.action) == ("/cases/7/sign", "/sign-out")


def test_steps_are_told_once_and_in_the_order_in_which_they_happened(case: Progress) -> None:
    assert case.learn(timeline(ANNOUNCED, STORED)) == [Step.STORED, Step.ANNOUNCED]
    assert case.learn(timeline(ANNOUNCED, STORED)) == []
    assert case.seconds(Step.ANNOUNCED) == 1.5


def test_a_refusal_is_told_with_its_reason_and_can_be_reviewed(case: Progress) -> None:
    assert case.learn(timeline(REFUSED, refused="adult")) == [Step.ANALYSED, Step.READY]
    assert case.word(Step.ANALYSED) == "not analysed (adult)"
    case.learn(timeline(REFUSED, refused="the patient refuses analysis by AI"))
    assert case.word(Step.ANALYSED) == "not analysed (consent)"


def test_what_did_not_come_is_named(case: Progress) -> None:
    case.learn(timeline(ANNOUNCED, STORED))
    assert case.missing([Step.STORED, Step.COMPLETE, Step.SIGNED]) == [Step.COMPLETE, Step.SIGNED]


def test_a_follow_up_and_a_risk_are_missed_only_where_they_have_to_come(case: Progress) -> None:
    assert case.missing([Step.RISK, Step.PROPOSED, Step.BOOKED]) == []
    case.awaits |= {Step.PROPOSED, Step.BOOKED}
    case.learn(timeline(("scheduling.follow-up-proposed", "2026-11-24T09:00:09+00:00")))
    assert case.missing(Step)[-1] is Step.BOOKED
    assert Step.PROPOSED not in case.missing(Step)


def test_the_table_fits_a_terminal_of_eighty_columns() -> None:
    began = datetime(2026, 11, 24, 9, tzinfo=UTC)
    cases = [Progress(one) for one in examinations(1, 60, began)]
    for case in cases:
        case.at = {step: began + timedelta(seconds=32.1 * number) for number, step in enumerate(Step)}
        case.refused = "adult" if case.examination.picture == "adult" else None
    screen = StringIO()
    Display(Console(file=screen, width=80), cases).close_with_table()
    assert "…" not in screen.getvalue()
    assert max(map(len, screen.getvalue().splitlines())) <= 80


def test_where_there_is_no_terminal_each_step_is_a_plain_line(case: Progress) -> None:
    screen = StringIO()
    with Display(Console(file=screen, width=120), [case]) as display:
        display.show(case, case.learn(timeline(STORED, ANNOUNCED)))
    lines = screen.getvalue().splitlines()
    assert [line.split()[-2] for line in lines] == ["0.0", "1.5"]
    assert "\x1b" not in screen.getvalue()

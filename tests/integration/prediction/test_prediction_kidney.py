"""Creatinine: an eGFR each time, an alert when it rose, and the alert's end."""

from collections.abc import Callable
from typing import Any

import pytest
from chart import Chart, corrected, hear, say

from services.prediction.panels import panels
from services.prediction.settings import settings
from shared.events import Event, Lane
from shared.fhir.message import Message

Said = Callable[[], list[Message]]
Last = Callable[[str], dict[str, Any]]


def told(said: Said) -> list[str]:
    return [message.event for message in said() if message.event is not Event.RISK_ESTIMATED]


def test_a_creatinine_that_doubled_raises_an_unsigned_alert_and_the_egfr_says_so(said: Said, last: Last) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(160, 0.1)), say(chart.creatinine(80, 5)))
    assert told(said) == [Event.FLAG_RAISED]
    flag = last("Flag")
    assert flag["status"] == "active"
    assert flag["code"]["text"] == (
        "AKI warning stage 2 (NHS England algorithm): creatinine 160 umol/L = 2.0 x lowest of 7 days (80)."
        " Unsigned automatic alert, for clinicians only."
    )
    assert flag["meta"]["security"][0]["code"] == "AIAST"
    assert {message.lane for message in said() if message.event is Event.FLAG_RAISED} == {Lane.URGENT}
    figure = last("Observation")
    assert figure["status"] == "preliminary"
    assert any("not steady" in note["text"] for note in figure["note"])


def test_the_operator_sees_each_method_and_for_how_many_it_speaks(said: Said) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(160, 0.1)), say(chart.creatinine(80, 5)))
    assert told(said) == [Event.FLAG_RAISED]
    [models] = panels()
    spoken = {row[0]: (row[3], row[4], row[5]) for row in models.rows}
    assert spoken["nhs-aki"] == ("as released", 1, 1)
    assert spoken["egfr-ckd-epi"] == ("as released", 1, 1)
    assert models.problems == []


def test_a_corrected_creatinine_lowers_the_alert(said: Said, last: Last) -> None:
    chart = Chart()
    high = chart.creatinine(160, 0.1)
    hear(chart.person(), say(chart.creatinine(80, 5)), say(high))
    hear(say(corrected(high, valueQuantity={"value": 82, "code": "umol/L"})))
    assert told(said) == [Event.FLAG_RAISED, Event.FLAG_LOWERED]
    assert last("Flag")["status"] == "inactive"
    assert last("Observation")["valueQuantity"]["value"] == pytest.approx(97, abs=4)


def test_an_alert_whose_value_was_an_error_is_lowered(said: Said) -> None:
    chart = Chart()
    high = chart.creatinine(160, 0.1)
    hear(chart.person(), say(chart.creatinine(80, 5)), say(high), say(corrected(high, status="entered-in-error")))
    assert told(said) == [Event.FLAG_RAISED, Event.FLAG_LOWERED]


def test_no_rise_says_nothing_of_an_alert(said: Said) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(80, 5)), say(chart.creatinine(82, 0.1)))
    assert told(said) == []


def test_a_sample_that_comes_a_month_late_alerts_nobody(said: Said) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(80, 40)), say(chart.creatinine(200, 30)))
    assert told(said) == []


def test_high_without_any_earlier_value_is_no_alert_but_is_said(said: Said, last: Last) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(150, 0.1)))
    assert told(said) == []
    assert any("?AKI ?CKD" in note["text"] for note in last("Observation")["note"])


def test_a_creatinine_without_a_unit_gives_no_egfr_and_says_so(last: Last) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(80, 1, None)))
    figure = last("Observation")
    assert "valueQuantity" not in figure
    assert figure["dataAbsentReason"]["text"] == "Not estimated. Missing: creatinine."
    assert any("without a unit" in note["text"] for note in figure["note"])


def test_a_child_has_no_egfr(last: Last) -> None:
    chart = Chart(born="2022-01-01")
    hear(chart.person(), say(chart.creatinine(30, 1)))
    assert last("Observation")["dataAbsentReason"]["coding"][0]["code"] == "not-applicable"


def test_another_sex_gets_an_interval(last: Last) -> None:
    chart = Chart(sex="other")
    hear(chart.person(), say(chart.creatinine(88.4, 1)))
    interval = last("Observation")["valueRange"]
    assert interval["low"]["value"] < interval["high"]["value"]


@pytest.mark.parametrize(("equation", "loinc"), [("ckdepi_2009_creat", "62238-1"), ("ckdepi_2021_creat", "98979-8")])
def test_the_equation_is_the_sites_and_stands_in_the_result(
    last: Last, monkeypatch: pytest.MonkeyPatch, equation: str, loinc: str
) -> None:
    monkeypatch.setenv("HUB_PREDICTION_EGFR_EQUATION", equation)
    settings.cache_clear()
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(88.4, 1)))
    figure = last("Observation")
    assert figure["code"]["coding"][0]["code"] == loinc
    assert equation in figure["method"]["text"]

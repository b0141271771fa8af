"""A patient's record: values in any order, corrected, taken back, without a unit; each time what follows is said."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from chart import Chart, corrected, hear, say
from fhir.resources.R4B import get_fhir_model_class

from services.prediction import tasks
from shared.events import Event, Lane
from shared.fhir.codes import BASE
from shared.fhir.message import Message

Said = Callable[[], list[Message]]
Last = Callable[[str], dict[str, Any]]


def probability(risk: dict[str, Any]) -> float:
    return float(risk["prediction"][0]["probabilityDecimal"])


def notes(resource: dict[str, Any]) -> str:
    return " ".join(note["text"] for note in resource["note"])


def missing(resource: dict[str, Any]) -> list[str]:
    url = f"{BASE}/StructureDefinition/missing"
    return [one["valueString"] for one in resource["extension"] if one["url"] == url]


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_the_same_risk_stands_in_the_end(said: Said, last: Last, seed: int) -> None:
    messages = list(itertools.permutations(Chart().heart()))[seed * 19]
    hear(*messages)
    risk = last("RiskAssessment")
    assert probability(risk) == pytest.approx(0.063143, abs=1e-6)
    assert "2.43619 g/L -> 6.3 mmol/L" in notes(risk)
    assert risk["subject"]["identifier"]["value"] == "SYN-1"
    for message in said():
        get_fhir_model_class("Bundle").model_validate(message.bundle)


def test_until_everything_is_there_it_is_said_what_is_missing(said: Said, last: Last) -> None:
    chart = Chart()
    hear(chart.person())
    assert said() == []
    hear(say(chart.smoking()))
    risk = last("RiskAssessment")
    assert "prediction" not in risk
    assert missing(risk) == ["systolic blood pressure", "total cholesterol", "HDL cholesterol"]


def test_a_value_without_a_unit_is_no_value_and_says_so(last: Last) -> None:
    chart = Chart()
    hear(*chart.heart()[:-1], say(chart.quantity("2085-9", 1.4, None)))
    risk = last("RiskAssessment")
    assert missing(risk) == ["HDL cholesterol"]
    assert "HDL cholesterol: a value without a unit is no value" in notes(risk)


def test_a_corrected_value_recomputes_in_a_new_version_of_the_same_resource(said: Said, last: Last) -> None:
    chart = Chart()
    pressure = chart.quantity("8480-6", 180, "mm[Hg]")
    others = [message for message in chart.heart() if "8480-6" not in str(message.bundle)]
    hear(*others, say(pressure))
    before = last("RiskAssessment")
    hear(say(corrected(pressure, valueQuantity={"value": 140, "code": "mm[Hg]"})))
    after = last("RiskAssessment")
    assert before["id"] == after["id"]
    assert probability(after) == pytest.approx(0.063143, abs=1e-6)
    assert probability(before) > probability(after)
    assert said()[-2].bundle["timestamp"] < said()[-1].bundle["timestamp"]


def test_an_older_version_that_comes_later_changes_nothing(said: Said, last: Last) -> None:
    chart = Chart()
    pressure = chart.quantity("8480-6", 180, "mm[Hg]")
    others = [message for message in chart.heart() if "8480-6" not in str(message.bundle)]
    hear(*others, say(corrected(pressure, valueQuantity={"value": 140, "code": "mm[Hg]"})))
    count = len(said())
    hear(say(pressure))
    assert len(said()) == count
    assert probability(last("RiskAssessment")) == pytest.approx(0.063143, abs=1e-6)


def test_a_value_that_was_an_error_is_gone_also_when_that_is_heard_first(last: Last) -> None:
    chart = Chart()
    pressure = chart.quantity("8480-6", 140, "mm[Hg]")
    others = [message for message in chart.heart() if "8480-6" not in str(message.bundle)]
    hear(*others, say(corrected(pressure, status="entered-in-error")), say(pressure))
    assert missing(last("RiskAssessment")) == ["systolic blood pressure"]


def test_a_risk_whose_input_was_an_error_is_taken_back(last: Last) -> None:
    chart = Chart()
    messages = chart.heart()
    hear(*messages)
    smoking = messages[1].focus[0]
    hear(say(corrected(smoking, status="entered-in-error")))
    risk = last("RiskAssessment")
    assert "prediction" not in risk
    assert missing(risk) == ["smoking status"]


def test_a_value_that_moves_to_another_patient_is_taken_from_the_first(said: Said) -> None:
    one, other = Chart(), Chart()
    value = one.creatinine(100, 1)
    hear(one.person(), other.person(), say(value))
    hear(say(corrected(value, subject={"reference": f"urn:uuid:{other.patient}"})))
    figures = {
        message.focus[0]["subject"]["reference"].removeprefix("urn:uuid:"): "valueQuantity" in message.focus[0]
        for message in said()
    }
    assert figures == {one.patient: False, other.patient: True}


def test_a_diagnosis_that_excludes_the_method_takes_the_risk_back(last: Last) -> None:
    chart = Chart()
    condition = {
        "resourceType": "Condition",
        "id": str(uuid4()),
        "meta": {"versionId": "1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
        "subject": {"reference": f"urn:uuid:{chart.patient}"},
    }
    hear(*chart.heart(), say(condition))
    assert "not for people with diabetes" in notes(last("RiskAssessment"))
    refuted = {"coding": [{"code": "entered-in-error"}]}
    hear(say(corrected(condition, verificationStatus=refuted)))
    assert probability(last("RiskAssessment")) == pytest.approx(0.063143, abs=1e-6)


def test_the_patient_of_an_order_is_known_and_a_corrected_birth_date_recomputes(last: Last) -> None:
    chart = Chart()
    order = Message.build(Event.ORDER_PLACED, Lane.STAT, "c", chart.person().focus)
    hear(*chart.heart()[1:])
    assert missing(last("RiskAssessment")) == ["the birth date to the day", "the sex"]
    hear(order)
    before = probability(last("RiskAssessment"))
    hear(chart.person(2, birthDate=f"{int(chart.born[:4]) - 10}{chart.born[4:]}"))
    assert probability(last("RiskAssessment")) > before


def test_the_same_message_again_and_the_same_news_again_say_nothing(said: Said) -> None:
    chart = Chart()
    messages = chart.heart()
    hear(*messages)
    count = len(said())
    hear(*messages, say(corrected(messages[2].focus[0])))
    assert len(said()) == count


def test_values_that_come_at_once_all_count(said: Said, last: Last) -> None:
    for _ in range(5):
        messages = Chart().heart()
        with ThreadPoolExecutor(len(messages)) as pool:
            list(pool.map(tasks.take, messages))
        assert probability(last("RiskAssessment")) == pytest.approx(0.063143, abs=1e-6)
    stamps = [message.bundle["timestamp"] for message in said()]
    assert stamps == sorted(stamps)

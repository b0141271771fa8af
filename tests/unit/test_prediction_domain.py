"""What counts as an input, what is said when there is none, and whom a method is not for."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.prediction.domain import aki, egfr, score2
from services.prediction.domain.estimate import Estimate
from services.prediction.domain.record import Disease, Input, Person, Reading, Record
from services.prediction.domain.units import SCALES, Analyte, convert

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANN = Person("p", None, date(1976, 11, 25), "female")


def reading(analyte: Analyte, value: float | None, days: float = 1, **more: Any) -> Input:
    number = f"{analyte}-{days}-{value}"
    return Input(number, "p", 1, (Reading(number, analyte, NOW - days * DAY, None, value, **more),))


def full(*more: Input, person: Person = ANN) -> Record:
    values = {Analyte.SMOKING: 1.0, Analyte.SYSTOLIC: 140.0, Analyte.TOTAL_CHOLESTEROL: 6.3}
    values |= {Analyte.HDL_CHOLESTEROL: 1.4, Analyte.CREATININE: 1.0}
    return Record(person, (*(reading(*one) for one in values.items()), *more), NOW)


def without(record: Record, analyte: Analyte) -> Record:
    return replace(record, inputs=tuple(one for one in record.inputs if one.readings[0].analyte is not analyte))


@pytest.mark.parametrize("vector", json.loads((DATA / "units.json").read_text())["vectors"])
def test_units_convert_as_published(vector: dict[str, Any]) -> None:
    analyte = {"creatinine": Analyte.CREATININE, "total_cholesterol": Analyte.TOTAL_CHOLESTEROL}[vector["analyte"]]
    found = convert(analyte, vector["value"], vector["unit"]).value
    assert found is not None
    back = found / SCALES[analyte].factors[vector["expected_unit"]]
    assert back == pytest.approx(vector["expected"], rel=vector["tol_rel"])


@pytest.mark.parametrize(
    ("value", "unit", "problem"),
    [
        (88.4, None, "without a unit"),
        (88.4, "", "without a unit"),
        (88.4, "furlong", "not one of"),
        (88.4, "mg/dL", "implausible"),
        (1.0, "umol/L", "implausible"),
    ],
)
def test_a_value_without_a_good_unit_is_no_value_and_says_so(value: float, unit: str | None, problem: str) -> None:
    found = convert(Analyte.CREATININE, value, unit)
    assert found.value is None
    assert problem in str(found.problem)


def test_a_blood_pressure_of_14_without_a_unit_is_never_taken_for_millimetres() -> None:
    assert convert(Analyte.SYSTOLIC, 14, None).value is None
    assert convert(Analyte.SYSTOLIC, 14, "mm[Hg]").value is None
    assert convert(Analyte.SYSTOLIC, 14, "cm[Hg]").value == 140


def test_a_birthday_counts_on_its_day() -> None:
    assert ANN.age(date(2026, 11, 24)) == 49
    assert ANN.age(date(2026, 11, 25)) == 50


def test_of_two_values_of_one_moment_the_later_said_counts() -> None:
    first, again = (
        Reading(name, Analyte.CREATININE, NOW - DAY, NOW - DAY + after, value)
        for name, after, value in (("b", timedelta(0), 1.0), ("a", timedelta(hours=1), 2.0))
    )
    record = Record(ANN, (Input("b", "p", 1, (first,)), Input("a", "p", 1, (again,))), NOW)
    assert [one.value for one in record.usable(Analyte.CREATININE)] == [2.0]


def test_a_value_of_the_future_or_of_no_time_is_not_used_and_said() -> None:
    late = Reading("f", Analyte.CREATININE, NOW + DAY, None, 9.0)
    never = Reading("n", Analyte.CREATININE, None, None, 9.0)
    record = full(Input("f", "p", 1, (late,)), Input("n", "p", 1, (never,)))
    assert record.latest(Analyte.CREATININE) == record.inputs[4].readings[0]
    assert len(record.problems(Analyte.CREATININE)) == 2


def test_a_newer_value_that_cannot_be_used_is_said_beside_the_older_one_that_is() -> None:
    record = full(reading(Analyte.SYSTOLIC, None, days=0.5, problem="systolic blood pressure: no unit"))
    asked = score2.prepare(record, "low")
    assert isinstance(asked, score2.Ask)
    said = score2.conclude(asked, record, "low", 0.06, 0.05, [0.1] * 5, [0.002] * 5)
    assert any("Values left out: systolic blood pressure: no unit" in note for note in said.notes)


@pytest.mark.parametrize("analyte", score2.NEEDS)
def test_score2_names_what_is_missing(analyte: Analyte) -> None:
    said = score2.prepare(without(full(), analyte), "low")
    assert isinstance(said, Estimate)
    assert (said.value, len(said.missing)) == (None, 1)
    assert said.missing[0] in said.words


@pytest.mark.parametrize(
    ("person", "disease", "why"),
    [
        (replace(ANN, born=date(1990, 1, 1)), None, "40 to 89"),
        (replace(ANN, born=date(1930, 1, 1)), None, "40 to 89"),
        (ANN, Disease.DIABETES, "diabetes"),
        (ANN, Disease.CARDIOVASCULAR, "cardiovascular"),
        (ANN, Disease.KIDNEY, "kidney"),
    ],
)
def test_score2_refuses_whom_it_was_not_made_for(person: Person, disease: Disease | None, why: str) -> None:
    said = score2.prepare(full(*([Input("c", "p", 1, disease=disease)] if disease else []), person=person), "low")
    assert isinstance(said, Estimate)
    assert said.refused is not None
    assert why in said.words


@pytest.mark.parametrize(
    ("age", "risk", "label"),
    [
        (49, 0.0249, "low-to-moderate"),
        (49, 0.025, "high"),
        (49, 0.075, "very high"),
        (50, 0.0499, "low-to-moderate"),
        (69, 0.1, "very high"),
        (70, 0.0749, "low-to-moderate"),
        (89, 0.15, "very high"),
    ],
)
def test_the_guidelines_word_depends_on_age(age: int, risk: float, label: str) -> None:
    assert score2.category(age, risk).endswith(f"= {label}")


def test_old_inputs_are_used_and_said() -> None:
    record = without(full(reading(Analyte.TOTAL_CHOLESTEROL, 5.0, days=400)), Analyte.SMOKING)
    old = replace(record, inputs=tuple(one for one in record.inputs if one.id != "tc-1-6.3"))
    said = score2.prepare(old, "low")
    assert isinstance(said, Estimate)
    assert any("older than 12 months: total cholesterol" in note for note in said.notes)


def test_egfr_of_another_sex_is_an_interval_and_of_none_is_missing() -> None:
    other = egfr.prepare(full(person=replace(ANN, sex="other")), "ckdepi_2009_creat", ())
    assert isinstance(other, egfr.Ask)
    said = egfr.conclude(other, full(), "ckdepi_2009_creat", (), [66.0, 88.0], [[0.0] * 5] * 2)
    assert (said.value, said.high, said.contributions) == (66.0, 88.0, ())
    nobody = egfr.prepare(full(person=replace(ANN, sex=None)), "ckdepi_2009_creat", ())
    assert isinstance(nobody, Estimate)
    assert nobody.missing == ("the sex",)


def test_egfr_is_not_for_children_and_the_combined_equation_needs_cystatin_c() -> None:
    child = egfr.prepare(full(person=replace(ANN, born=date(2020, 1, 1))), "ckdepi_2009_creat", ())
    assert isinstance(child, Estimate)
    assert child.refused
    lacking = egfr.prepare(full(), "ckdepi_2021_creat_cys", ())
    assert isinstance(lacking, Estimate)
    assert lacking.missing == ("cystatin C",)


def test_the_index_result_is_not_its_own_history_and_the_day_is_the_calendars() -> None:
    record = Record(ANN, (reading(Analyte.CREATININE, 1.0, 7.6), reading(Analyte.CREATININE, 2.0, 0)), NOW)
    asked = aki.prepare(record)
    assert asked is not None
    assert [(one.days, one.hours) for one in asked.earlier] == [(8, pytest.approx(182.4))]


def test_a_newborn_is_not_judged() -> None:
    assert aki.prepare(full(person=replace(ANN, born=date(2026, 11, 1)))) is None


@pytest.mark.parametrize(
    ("days", "rule", "value", "words"),
    [
        (0.1, aki.Rule(2, 2.0, 80, None, 80, "high"), 2, "= 2.0 x lowest of 7 days (80)"),
        (0.1, aki.Rule(1, 1.6, None, 100, None, "high"), 1, "= 1.6 x median of a year (100)"),
        (0.1, aki.Rule(1, 1.3, 100, None, 30, "high"), 1, "up 30 umol/L within 48 hours"),
        (0.1, aki.Rule(0, 1.0, 100, None, 0, "normal"), 0, "No AKI alert"),
        (9, aki.Rule(3, 3.0, 80, None, None, "high"), 0, "more than 7 days old"),
    ],
)
def test_an_alert_says_what_it_compares(days: float, rule: aki.Rule, value: float, words: str) -> None:
    record = Record(ANN, (reading(Analyte.CREATININE, 1.81, days),), NOW)
    asked = aki.prepare(record)
    assert asked is not None
    said = aki.conclude(asked, rule, record)
    assert said.value == value
    assert words in said.words


def test_an_unlikely_ratio_is_not_held_back_and_says_that_units_need_a_look() -> None:
    record = Record(ANN, (reading(Analyte.CREATININE, 20.0, 0),), NOW)
    asked = aki.prepare(record)
    assert asked is not None
    said = aki.conclude(asked, aki.Rule(3, 20.0, 88, None, None, "high"), record)
    assert said.value == 3
    assert any("check the units" in note for note in said.notes)

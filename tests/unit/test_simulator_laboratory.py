"""The simulated laboratory speaks LOINC and UCUM as the hub reads them, with one value that nobody can use."""

from datetime import UTC, datetime, timedelta

import pytest
from fhir.resources.R4B.observation import Observation

from services.prediction.domain.units import Analyte
from services.prediction.fhir.observations import moment, readings_of
from services.simulator import laboratory
from services.simulator.domain import MIX, Examination, examinations

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def six() -> list[Examination]:
    return examinations(7, len(MIX), NOW)


def test_every_result_is_a_valid_observation_with_an_identifier_of_its_own(six: list[Examination]) -> None:
    results = [result for one in six for result in laboratory.results(one)]
    for result in results:
        Observation.model_validate(result)
    assert len({result["identifier"][0]["value"] for result in results}) == len(results)


def test_everything_that_was_measured_of_the_adult_can_be_used(six: list[Examination]) -> None:
    adult = next(one for one in six if one.picture == "adult")
    readings = [reading for one in laboratory.results(adult) for reading in readings_of(one | {"id": "1"})]
    assert [reading.problem for reading in readings if reading.problem] == []
    assert {reading.analyte for reading in readings} == set(Analyte) - {Analyte.CYSTATIN_C}


def test_the_adults_creatinine_has_risen_as_in_the_first_stage_of_an_injury(six: list[Examination]) -> None:
    adult = next(one for one in six if one.picture == "adult")
    kidney = [one for one in laboratory.results(adult) if one["code"]["coding"][0]["code"] == "14682-9"]
    earlier, later = ((moment(one["effectiveDateTime"]), one["valueQuantity"]["value"]) for one in kidney)
    assert earlier[0] is not None
    assert later[0] is not None
    assert later[0] - earlier[0] == timedelta(days=2)
    assert 1.5 <= later[1] / earlier[1] < 2


def test_one_childs_value_has_no_unit_and_is_no_value(six: list[Examination]) -> None:
    [result] = [result for one in six if one.picture != "adult" for result in laboratory.results(one)]
    [reading] = readings_of(result | {"id": "1"})
    assert reading.value is None
    assert reading.problem is not None
    assert "unit" in reading.problem

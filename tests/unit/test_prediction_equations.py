"""The equations give the figures that others computed, their parts sum, and they move the way medicine says."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from services.prediction.equations import aki, egfr, package, score2

MODELS = Path(__file__).parents[2] / "models"
DATA = Path(__file__).parent / "data"
EGFR = package.load(MODELS / "egfr-ckd-epi").coefficients
AKI = aki.Aki(package.load(MODELS / "nhs-aki").coefficients)
SCORE2 = score2.Score2(package.load(MODELS / "score2").coefficients, 70)

ages = st.integers(40, 89)
pressures = st.floats(90, 200)
cholesterols = st.floats(3, 9)
hdls = st.floats(0.5, 2.8)
regions = st.sampled_from(range(4))


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((DATA / f"{name}.json").read_text())["vectors"]


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def kidneys(
    equation: str, sex: str, age: float, creatinine_mg_dl: float, cystatin_mg_l: float = math.nan
) -> egfr.Answer:
    batch = egfr.Batch(torch.tensor([sex == "female"]), column(age), column(creatinine_mg_dl), column(cystatin_mg_l))
    return egfr.Egfr(EGFR[equation]).estimate(batch)


def heart(rows: list[tuple[bool, float, float, float, float, float, int]]) -> score2.Batch:
    female, *numbers, region = zip(*rows, strict=True)
    return score2.Batch(torch.tensor(female), *(column(*values) for values in numbers), torch.tensor(region))


def risk(*row: Any) -> float:
    return float(SCORE2.risk(heart([row])))


@pytest.mark.parametrize("vector", vectors("egfr"))
def test_egfr_gives_the_published_figure(vector: dict[str, Any]) -> None:
    given = vector["input"]
    creatinine = given.get("creatinine_mg_dL") or given["creatinine_umol_L"] / 88.4
    answer = kidneys(vector["equation"], given["sex"], given["age"], creatinine, given.get("cystatin_mg_L", math.nan))
    assert float(answer.value) == pytest.approx(vector["expected"], abs=vector["tol_abs"])


@pytest.mark.parametrize("vector", vectors("nhs_aki"), ids=lambda vector: vector["why"])
def test_the_aki_rule_gives_the_published_stage(vector: dict[str, Any]) -> None:
    given, earlier = vector["input"], vector["input"]["previous"]
    low, high = given["ref_interval"]
    answer = AKI.judge(
        aki.Batch(
            column(given["c1_umol_L"]),
            column(given["age"]),
            column(low),
            column(high),
            *(
                column(*(one[name] for one in earlier)).unsqueeze(0)
                for name in ("umol_L", "days_before", "hours_before")
            ),
        )
    )
    assert int(answer.stage) == vector["expected"]["alert"]
    if "flag" in vector["expected"]:
        assert ("unknown", "low", "normal", "high")[int(answer.position)] == vector["expected"]["flag"]
        assert answer.ratio.isnan().all()


def test_the_aki_rule_judges_all_patients_at_once_as_it_judges_each() -> None:
    rows = vectors("nhs_aki")
    longest = max(len(row["input"]["previous"]) for row in rows)

    def padded(name: str) -> Tensor:
        values = [[one[name] for one in row["input"]["previous"]] for row in rows]
        return torch.stack([column(*one, *[math.nan] * (longest - len(one))) for one in values])

    answer = AKI.judge(
        aki.Batch(
            column(*(row["input"]["c1_umol_L"] for row in rows)),
            column(*(row["input"]["age"] for row in rows)),
            column(*(row["input"]["ref_interval"][0] for row in rows)),
            column(*(row["input"]["ref_interval"][1] for row in rows)),
            padded("umol_L"),
            padded("days_before"),
            padded("hours_before"),
        )
    )
    assert answer.stage.tolist() == [row["expected"]["alert"] for row in rows]


@pytest.mark.parametrize(
    ("now", "before", "hours", "age", "stage"),
    [
        (1.2, 0.8, 100, 50, 1),
        (1.19, 0.8, 100, 50, 0),
        (0.9, 0.3, 100, 50, 3),
        (1.3, 1.0, 30, 50, 1),
        (4.02, 2.0, 100, 50, 3),
        (4.02, 2.0, 100, math.nan, 2),
    ],
)
def test_the_aki_rule_keeps_its_boundaries_in_mg_dl(
    now: float, before: float, hours: float, age: float, stage: int
) -> None:
    nothing = column(math.nan)
    history = (column(before * 88.4), column(hours // 24), column(hours))
    answer = AKI.judge(aki.Batch(column(now * 88.4), column(age), nothing, nothing, *(h.unsqueeze(0) for h in history)))
    assert int(answer.stage) == stage


@settings(deadline=None)
@given(value=st.floats(20, 1500), before=st.floats(20, 1500), more=st.floats(0, 500), days=st.integers(0, 400))
def test_a_higher_creatinine_never_lowers_the_stage(value: float, before: float, more: float, days: int) -> None:
    both = column(value, value + more)
    two = torch.ones(2, 1, dtype=torch.float64)
    ages_, nothing = torch.full_like(both, 60), torch.full_like(both, math.nan)
    answer = AKI.judge(aki.Batch(both, ages_, nothing, nothing, two * before, two * days, two * 24 * days))
    lower, higher = answer.stage.tolist()
    assert lower <= higher


def test_score2_gives_the_published_figures_all_at_once() -> None:
    rows = vectors("score2")
    names = ("age", "smoker", "sbp", "tc_mmol_L", "hdl_mmol_L")
    batch = heart(
        [
            (
                row["input"]["sex"] == "female",
                *(float(row["input"][name]) for name in names),
                score2.REGIONS.index(row["input"]["region"]),
            )
            for row in rows
        ]
    )
    for percent, row in zip((100 * SCORE2.risk(batch)).tolist(), rows, strict=True):
        assert percent == pytest.approx(row["expected_percent"], abs=row["tol_abs"])
        assert percent == pytest.approx(row["reference_full_precision"], abs=1e-7)


@settings(deadline=None)
@given(row=st.tuples(st.booleans(), ages, st.sampled_from([0.0, 1.0]), pressures, cholesterols, hdls, regions))
def test_the_parts_of_a_cardiovascular_risk_sum_to_it(row: tuple[Any, ...]) -> None:
    answer = SCORE2.estimate(heart([row]))
    assert float(answer.risk) == pytest.approx(risk(*row), abs=1e-12)
    assert float(answer.reference + answer.shares.sum()) == pytest.approx(float(answer.risk), abs=1e-12)
    assert torch.equal(answer.shares.sign(), answer.terms.sign())


def test_somebody_at_every_centre_has_the_reference_risk() -> None:
    answer = SCORE2.estimate(heart([(False, 60.0, 0.0, 120.0, 6.0, 1.3, 0)]))
    assert float(answer.risk) == float(answer.reference)
    assert answer.shares.abs().max() == 0


@settings(deadline=None)
@given(
    female=st.booleans(),
    age=ages,
    smoker=st.sampled_from([0.0, 1.0]),
    sbp=pressures,
    tc=cholesterols,
    hdl=hdls,
    region=regions,
    more=st.floats(0.1, 40),
)
def test_a_higher_blood_pressure_never_lowers_the_risk(  # noqa: PLR0913 (one argument a factor)
    *, female: bool, age: int, smoker: float, sbp: float, tc: float, hdl: float, region: int, more: float
) -> None:
    assert risk(female, age, smoker, sbp, tc, hdl, region) <= risk(female, age, smoker, sbp + more, tc, hdl, region)


@settings(deadline=None)
@given(female=st.booleans(), age=st.integers(40, 87), rest=st.tuples(pressures, cholesterols, hdls, regions))
def test_up_to_87_years_smoking_never_lowers_the_risk(*, female: bool, age: int, rest: tuple[Any, ...]) -> None:
    """In men of 88 and 89 years SCORE2-OP's product with age wins over smoking; the card says so."""
    assert risk(female, age, 0.0, *rest) <= risk(female, age, 1.0, *rest)


@settings(deadline=None)
@given(female=st.booleans(), young=st.integers(40, 68), sbp=st.floats(100, 160), region=regions)
def test_with_age_the_risk_rises_within_one_equation(*, female: bool, young: int, sbp: float, region: int) -> None:
    """Not across 69 to 70, where the equation changes, and not at extreme values, where the products with age win."""
    assert risk(female, young, 0.0, sbp, 5.5, 1.3, region) < risk(female, young + 1, 0.0, sbp, 5.5, 1.3, region)


@settings(deadline=None)
@given(
    equation=st.sampled_from(sorted(EGFR)),
    sex=st.sampled_from(["female", "male"]),
    age=st.integers(18, 100),
    creatinine=st.floats(0.3, 15),
    cystatin=st.floats(0.3, 8),
    more=st.floats(0.01, 5),
)
def test_egfr_falls_with_creatinine_and_with_age_and_its_terms_sum(
    *, equation: str, sex: str, age: int, creatinine: float, cystatin: float, more: float
) -> None:
    answer = kidneys(equation, sex, age, creatinine, cystatin)
    assert float(answer.terms.sum()) == pytest.approx(math.log(float(answer.value)))
    assert float(kidneys(equation, sex, age, creatinine + more, cystatin).value) < float(answer.value)
    assert float(kidneys(equation, sex, age + 1, creatinine, cystatin).value) < float(answer.value)


@pytest.mark.parametrize("name", ["egfr-ckd-epi", "nhs-aki", "score2"])
def test_a_package_with_another_number_is_refused(name: str, tmp_path: Path) -> None:
    metadata = json.loads((MODELS / name / "metadata.json").read_text())
    metadata["coefficients"]["one"] = 1.5
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="digest"):
        package.load(tmp_path)
    assert (MODELS / name / "MODEL_CARD.md").exists()

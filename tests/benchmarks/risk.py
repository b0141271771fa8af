"""SCORE2 patients a second: all at once in torch, beside two loops that take one patient at a time.

Usage: python tests/benchmarks/risk.py [patients]; `measure` is for the benchmark of the whole hub.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from services.prediction.equations import package, score2

MODEL = Path(__file__).parents[2] / "models" / "score2"
PATIENTS = 1_000_000
LOOPED = 20_000
"""Patients of each loop: they are slow, and their rate does not depend on how many there are."""
OLDER_FROM = 70
TRIES = 5
NEAR = 1e-12

Row = tuple[bool, float, float, float, float, float, int]


class Rates(NamedTuple):
    """SCORE2 patients a second, one thread, the best of some tries each.

    Attributes:
        vectorised: columns of all patients, risks only.
        explained: the same with contributions.
        per_patient: the same code, one patient a call.
        plain: a loop in plain Python over the published formula, without torch.
    """

    vectorised: float
    explained: float
    per_patient: float
    plain: float

    @property
    def times_per_patient(self) -> float:
        """How much faster than the same code for one patient at a time."""
        return self.vectorised / self.per_patient

    @property
    def times_plain(self) -> float:
        """How much faster than plain Python."""
        return self.vectorised / self.plain


def measure(patients: int = PATIENTS, looped: int = LOOPED) -> Rates:
    """All rates on the same synthetic patients, after a check that all ways agree.

    Raises:
        ValueError: they do not.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        coefficients = package.load(MODEL).coefficients
        model = score2.Score2(coefficients, OLDER_FROM)
        batch = cohort(patients)
        few = score2.Batch(*(column[:looped] for column in batch))
        rows: list[Row] = list(zip(*(column.tolist() for column in few), strict=True))
        ones = [score2.Batch(*columns) for columns in zip(*(column.split(1) for column in few), strict=True)]
        _agree(model, few, rows, coefficients)
        return Rates(
            _rate(patients, lambda: model.risk(batch)),
            _rate(patients, lambda: model.estimate(batch)),
            _rate(looped, lambda: [model.risk(one) for one in ones]),
            _rate(looped, lambda: list(plain(rows, coefficients))),
        )
    finally:
        torch.set_num_threads(before)


def cohort(count: int) -> score2.Batch:
    """Synthetic patients of 40 to 89 years, the same every time."""
    source = torch.Generator().manual_seed(7)

    def between(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=source, dtype=torch.float64) * (high - low) + low

    return score2.Batch(
        between(0, 1) < 0.5,
        between(40, 90).floor(),
        (between(0, 1) < 0.25).double(),
        between(95, 185),
        between(3, 8.5),
        between(0.7, 2.5),
        between(0, 4).long(),
    )


def plain(rows: list[Row], coefficients: dict[str, Any]) -> Iterator[float]:
    """The published formula, as one would write it for one patient: survival, then recalibration."""
    for female, age, smoker, sbp, tc, hdl, region in rows:
        sex, equation = ("female" if female else "male"), ("score2_op" if age >= OLDER_FROM else "score2")
        own = coefficients[equation][sex]
        if equation == "score2":
            years, pressure, total, good = (age - 60) / 5, (sbp - 120) / 20, tc - 6, (hdl - 1.3) / 0.5
        else:
            years, pressure, total, good = age - 73, sbp - 150, tc - 6, hdl - 1.4
        predictor = (
            own["cage"] * years
            + smoker * (own["smk"] + own["cage_smk"] * years)
            + pressure * (own["csbp"] + own["cage_csbp"] * years)
            + total * (own["cchol"] + own["cage_cchol"] * years)
            + good * (own["chdl"] + own["cage_chdl"] * years)
            - own["mean_lp"]
        )
        baseline = 1 - own["S0"] ** math.exp(predictor)
        offset, slope = coefficients["scales"][equation][sex][score2.REGIONS[region]]
        yield 1 - math.exp(-math.exp(offset + slope * math.log(-math.log(1 - baseline))))


def _agree(model: score2.Score2, few: score2.Batch, rows: list[Row], coefficients: dict[str, Any]) -> None:
    expected = torch.tensor(list(plain(rows, coefficients)), dtype=torch.float64)
    if not torch.allclose(model.risk(few), expected, rtol=0, atol=NEAR):
        raise ValueError("the vectorised risks are not those of the loop")


def _rate(count: int, work: Callable[[], object]) -> float:
    work()
    best = math.inf
    for _ in range(TRIES):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return count / best


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS)
    for name, rate in found._asdict().items():
        sys.stdout.write(f"{name:12s} {rate:14,.0f} patients/s\n")
    sys.stdout.write(
        f"vectorised: {found.times_per_patient:,.0f} x one a call, {found.times_plain:,.0f} x plain Python\n"
    )

"""From one patient's question to the columns of the equations and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from services.prediction.domain import aki as aki_domain
from services.prediction.domain import egfr as egfr_domain
from services.prediction.domain import score2 as score2_domain
from services.prediction.domain.estimate import Method
from services.prediction.equations import aki, egfr, package, score2
from services.prediction.settings import settings


@cache
def load(method: Method, folder: Path | None = None) -> package.Package:
    """A method's package, read once.

    Raises:
        ValueError: its coefficients are not the released ones.
    """
    return package.load((folder or settings().models_dir) / str(method))


def prepare() -> None:
    """Read every package; one thread does for one patient."""
    torch.set_num_threads(1)
    for method in Method:
        load(method)


@dataclass(frozen=True)
class Risk:
    """A risk with what it is made of, see `equations.score2.Answer`."""

    risk: float
    reference: float
    terms: list[float]
    shares: list[float]


def egfr_of(ask: egfr_domain.Ask, equation: str) -> tuple[list[float], list[list[float]]]:
    """The figure for each sex asked, and the terms of its logarithm."""
    count = len(ask.sexes)
    cystatin = ask.cystatin_c.value if ask.cystatin_c else None
    batch = egfr.Batch(
        torch.tensor([sex == "female" for sex in ask.sexes]),
        _column([ask.age] * count),
        _column([ask.creatinine.value] * count),
        _column([cystatin] * count),
    )
    answer = egfr.Egfr(load(Method.EGFR).coefficients[equation]).estimate(batch)
    return answer.value.tolist(), answer.terms.tolist()


def aki_of(ask: aki_domain.Ask) -> aki_domain.Rule:
    """What the rule says of an index result."""
    batch = aki.Batch(
        _column([ask.value]),
        _column([ask.age]),
        _column([ask.low]),
        _column([ask.high]),
        _column([one.value for one in ask.earlier]).unsqueeze(0),
        _column([one.days for one in ask.earlier]).unsqueeze(0),
        _column([one.hours for one in ask.earlier]).unsqueeze(0),
    )
    answer = aki.Aki(load(Method.AKI).coefficients).judge(batch)
    numbers = (answer.ratio, answer.recent, answer.baseline, answer.rise)
    ratio, recent, baseline, rise = (_known(float(number)) for number in numbers)
    position = aki_domain.POSITIONS[int(answer.position)]
    return aki_domain.Rule(int(answer.stage), ratio, recent, baseline, rise, position)


def score2_of(ask: score2_domain.Ask, region: str) -> Risk:
    """The risk of one person."""
    batch = score2.Batch(
        torch.tensor([ask.female]),
        _column([ask.age]),
        _column([ask.smoker.value]),
        _column([ask.sbp.value]),
        _column([ask.tc.value]),
        _column([ask.hdl.value]),
        torch.tensor([score2.REGIONS.index(region)]),
    )
    answer = score2_equations().estimate(batch)
    return Risk(float(answer.risk), float(answer.reference), answer.terms[0].tolist(), answer.shares[0].tolist())


@cache
def score2_equations() -> score2.Score2:
    """SCORE2 with the numbers of its package."""
    found = load(Method.SCORE2)
    return score2.Score2(found.coefficients, found.metadata["population"]["older_from"])


def _column(values: Sequence[float | None]) -> Tensor:
    return torch.tensor([math.nan if value is None else value for value in values], dtype=torch.float64)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value

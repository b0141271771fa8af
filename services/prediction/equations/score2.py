"""SCORE2 and SCORE2-OP on columns of patients, with the terms that they are made of.

Both are complementary log-log models: ln(-ln(1 - risk)) is linear in the factors, so the published chain of baseline
survival and recalibration is one line.
Sources: Eur Heart J 2021;42:2439 and 2021;42:2455; shares of a risk: Aumann and Shapley 1974 (along the straight line
from the reference person each factor's share is proportional to its term).
"""

import math
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

FACTORS: Final = ("smoker", "sbp", "tc", "hdl")
_MAIN: Final = ("smk", "csbp", "cchol", "chdl")
REGIONS: Final = ("low", "moderate", "high", "very_high")
CHUNK: Final = 8_192
"""Rows at a time: what they need stays in the processor's cache."""


class Batch(NamedTuple):
    """Patients, one a row; shape (n,), float64 where nothing else is said.

    Attributes:
        female: bool.
        age: completed years, 40 to 89.
        smoker: 0 or 1.
        sbp: mm[Hg].
        tc, hdl: mmol/L.
        region: index in `REGIONS`, int64.
    """

    female: Tensor
    age: Tensor
    smoker: Tensor
    sbp: Tensor
    tc: Tensor
    hdl: Tensor
    region: Tensor


class Answer(NamedTuple):
    """What comes back.

    Attributes:
        risk: 0..1, shape (n,).
        reference: the same for somebody at every factor's centre, shape (n,).
        terms: age, smoker, sbp, tc, hdl of the linear predictor, shape (n, 5).
        shares: of `risk - reference`, same order and shape.
    """

    risk: Tensor
    reference: Tensor
    terms: Tensor
    shares: Tensor


class Score2:
    """The two equations, from their package.

    Each of the four tables (equation and sex) becomes a row of the linear predictor's ten coefficients: constant, age,
    four factors, four products with age; each region adds an offset and a slope.
    """

    def __init__(self, coefficients: dict[str, Any], older_from: int) -> None:
        self.older_from = older_from
        keys = [(equation, sex) for equation in ("score2", "score2_op") for sex in ("male", "female")]
        tables = [(coefficients[equation][sex], coefficients["centres"][equation]) for equation, sex in keys]
        self.centre = _tensor([[c[name][0] for name in ("age", *FACTORS)] for _, c in tables])
        self.slope = _tensor([_slopes(own, c) for own, c in tables])
        self.with_age = _tensor([_products(own, c) for own, c in tables])
        self.log_hazard = _tensor([math.log(-math.log(own["S0"])) - own["mean_lp"] for own, _ in tables])
        self.scales = _tensor([[coefficients["scales"][e][s][region] for region in REGIONS] for e, s in keys])
        self.weights = self._weights()

    def risk(self, batch: Batch) -> Tensor:
        """The risks alone, as fast as they come: one matrix product gives all 16 tables' answers, one is taken."""
        out = torch.empty_like(batch.age)
        for start in range(0, len(out), CHUNK):
            rows = slice(start, start + CHUNK)
            part = Batch(*(column[rows] for column in batch))
            factors = torch.stack([part.smoker, part.sbp, part.tc, part.hdl])
            age = part.age.unsqueeze(0)
            features = torch.cat([torch.ones_like(age), age, factors, factors * age])
            row = (self._table(part) * len(REGIONS) + part.region).unsqueeze(0)
            predictor = (self.weights @ features).gather(0, row).squeeze(0)
            out[rows] = _risk(predictor)
        return out

    def estimate(self, batch: Batch) -> Answer:
        """The risks with what they are made of."""
        table = self._table(batch)
        values = torch.stack([batch.age, batch.smoker, batch.sbp, batch.tc, batch.hdl], dim=-1) - self.centre[table]
        terms = values * self.slope[table]
        terms[:, 1:] += values[:, 1:] * values[:, :1] * self.with_age[table]
        offset, slope = self.scales[table, batch.region].unbind(-1)
        start = self.log_hazard[table]
        total = terms.sum(-1)
        risk = _risk(offset + slope * (start + total))
        reference = _risk(offset + slope * start)
        return Answer(risk, reference, terms, terms * self._per_unit(risk, reference, total, slope).unsqueeze(-1))

    def _table(self, batch: Batch) -> Tensor:
        return (batch.age >= self.older_from).long() * 2 + batch.female.long()

    @staticmethod
    def _per_unit(risk: Tensor, reference: Tensor, total: Tensor, slope: Tensor) -> Tensor:
        """Risk for each unit of the linear predictor, on average along the way; at no way at all, the derivative."""
        derivative = -(1 - reference) * torch.log1p(-reference) * slope
        near = total.abs() < 1e-9  # noqa: PLR2004 (below it the quotient loses its digits)
        return torch.where(near, derivative, (risk - reference) / torch.where(near, 1.0, total))

    def _weights(self) -> Tensor:
        """Ten coefficients of the uncentred factors for each of the 4 x 4 tables and regions, shape (16, 10)."""
        rows = []
        for table in range(4):
            age0, factors0 = self.centre[table, 0], self.centre[table, 1:]
            b_age, b, p = self.slope[table, 0], self.slope[table, 1:], self.with_age[table]
            constant = -b_age * age0 - (b * factors0).sum() + (p * factors0).sum() * age0
            by_age = b_age - (p * factors0).sum()
            linear = torch.cat([(constant + self.log_hazard[table]).view(1), by_age.view(1), b - p * age0, p])
            for offset, slope in self.scales[table]:
                scaled = linear * slope
                scaled[0] += offset
                rows.append(scaled)
        return torch.stack(rows)


def _risk(predictor: Tensor) -> Tensor:
    return -torch.expm1(-predictor.exp())


def _slopes(own: dict[str, float], centres: dict[str, list[float]]) -> list[float]:
    """For each unit of age and the factors."""
    main = [own["cage"], *(own[name] for name in _MAIN)]
    return [value / centres[name][1] for value, name in zip(main, ("age", *FACTORS), strict=True)]


def _products(own: dict[str, float], centres: dict[str, list[float]]) -> list[float]:
    """For each unit of a factor times a year of age."""
    pairs = zip(_MAIN, FACTORS, strict=True)
    return [own[f"cage_{short}"] / centres[name][1] / centres["age"][1] for short, name in pairs]


def _tensor(rows: list[Any]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)

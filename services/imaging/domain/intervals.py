"""Shares and differences with their uncertainty: 95 % throughout.

Sources: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953; Cohen 1960 (kappa and its standard error),
https://doi.org/10.1177/001316446002000104; Bland and Altman 1986, https://doi.org/10.1016/S0140-6736(86)90837-8.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Final, NamedTuple

Z: Final = 1.959964


class Share(NamedTuple):
    """Part of a whole, with Wilson's interval."""

    part: int
    whole: int
    value: float
    low: float
    high: float


class Estimate(NamedTuple):
    """A figure between its limits."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """What one model says more than another about the same studies.

    Attributes:
        mean: with its interval.
        limits: between which 95 % of the differences lie.
    """

    mean: Estimate
    limits: Estimate


def wilson(part: int, whole: int) -> Share | None:
    """A share; None of nothing."""
    if whole == 0:
        return None
    share = part / whole
    spread = 1 + Z**2 / whole
    middle = (share + Z**2 / (2 * whole)) / spread
    half = Z / spread * math.sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    return Share(part, whole, share, max(0.0, middle - half), min(1.0, middle + half))


def kappa(table: Sequence[Sequence[int]]) -> Estimate | None:
    """Cohen's kappa of a square table of counts; None where chance alone would agree always."""
    whole = sum(map(sum, table))
    if whole == 0:
        return None
    seen = sum(table[i][i] for i in range(len(table))) / whole
    columns = [sum(row[i] for row in table) for i in range(len(table))]
    expected = sum(sum(row) * column for row, column in zip(table, columns, strict=True)) / whole**2
    if expected >= 1:
        return None
    value = (seen - expected) / (1 - expected)
    half = Z * math.sqrt(seen * (1 - seen) / whole) / (1 - expected)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def difference(pairs: Sequence[tuple[float, float]]) -> Difference | None:
    """The second minus the first, of the same studies; None of fewer than two."""
    if len(pairs) < 2:  # noqa: PLR2004 (a deviation needs two)
        return None
    apart = [second - first for first, second in pairs]
    mean, deviation = fmean(apart), stdev(apart)
    half = Z * deviation / math.sqrt(len(apart))
    return Difference(
        Estimate(mean, mean - half, mean + half), Estimate(mean, mean - Z * deviation, mean + Z * deviation)
    )

"""Input drift: whether what comes in is distributed like what a reference saw, as a population stability index (PSI).

PSI = sum over the bins of (seen - expected) ln(seen / expected). The bands at 0.1 and 0.25 are a convention of credit
scoring, not a test: Siddiqi, Credit Risk Scorecards, Wiley 2006. When nothing has changed, PSI / (1/n + 1/m) follows
chi-squared with one degree of freedom less than bins: Yurdakul and Naranjo, J Risk Model Validation 14(4), 2020.
A model has eight statistics, and each may pass by chance: the level is divided by their number (Bonferroni).
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import NormalDist, quantiles
from typing import Final

STATISTICS: Final = {
    "brightness": "mean grey value of the picture, as a share of its own range",
    "contrast": "standard deviation of the grey values, as a share of the range",
    "entropy": "how many different grey values share the picture, in bits",
    "sharpness": "mean step between neighbouring points of the picture, as a share of the range",
    "megapixels": "size of the picture",
    "aspect": "columns over rows",
    "distance": "from the pictures that the model learnt from, as its own guard measures it",
    "score": "what the model said: probability of the class that counts, or the measure as a share (of mL: litres)",
}
"""What is watched of each answer, in words."""

MODERATE: Final = 0.1
LARGE: Final = 0.25
BINS: Final = 10
PER_BIN: Final = 5
"""Values of a reference that a bin holds at least: twenty make four bins."""
LEVEL: Final = 0.01
"""Share of the windows, at most, in which chance alone calls any statistic of a steady model shifted."""
_RARE: Final = NormalDist().inv_cdf(1 - LEVEL / 2 / len(STATISTICS))
"""Half the level: far out, windows of few answers pass chi-squared up to twice as often as it says."""
_HALF: Final = 0.5
"""Added to each bin's count, so that an empty bin has a logarithm."""


class Verdict(StrEnum):
    """What a PSI amounts to."""

    TOO_FEW = "too few"
    STEADY = "steady"
    SHIFTED = "shifted"
    DRIFTED = "drifted"


@dataclass(frozen=True)
class Reference:
    """What a statistic looked like when all was well.

    Attributes:
        of: which pictures these were.
        n: how many.
        edges: between the bins, rising; a value on an edge belongs to the bin above.
        shares: of each bin, one more than edges.
    """

    of: str
    n: int
    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Drift:
    """One statistic against its reference.

    Attributes:
        psi: None without a reference or a value.
        chance: what chance alone exceeds in any of the statistics once in a hundred windows of this size.
        counts: of each bin of the reference, in the window.
    """

    statistic: str
    verdict: Verdict
    n: int
    reference: Reference | None = None
    psi: float | None = None
    chance: float = 0.0
    counts: tuple[int, ...] = ()


def reference(values: Sequence[float], of: str) -> Reference:
    """A reference in up to ten bins of equal weight, fewer where values are few.

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:  # noqa: PLR2004 (a quantile lies between two)
        raise ValueError("a reference needs two values or more")
    bins = max(2, min(BINS, len(values) // PER_BIN))
    edges = sorted(set(quantiles(values, n=bins, method="inclusive")))
    if edges[-1] >= max(values):  # values that repeat: what is larger must not hide in their bin
        edges.append(math.nextafter(edges[-1], math.inf))
    counts = _count(values, edges)
    return Reference(of, len(values), tuple(edges), tuple(count / len(values) for count in counts))


def index(expected: Sequence[float], seen: Sequence[float]) -> float:
    """PSI of two lists of shares, none of them 0."""
    return sum((s - e) * math.log(s / e) for e, s in zip(expected, seen, strict=True))


def chance(bins: int, n: int, m: int) -> float:
    """The PSI that samples of n and m of the same distribution hardly ever exceed: any of eight, once in a hundred.

    The quantile of chi-squared is Wilson and Hilferty's, 1931, https://doi.org/10.1073/pnas.17.12.684.
    """
    freedom = bins - 1
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + _RARE * math.sqrt(spread)) ** 3 * (1 / n + 1 / m))


def judge(statistic: str, known: Reference | None, values: Sequence[float], least: int) -> Drift:
    """One statistic of a window of answers.

    Args:
        least: values below which nothing is concluded.
    """
    if known is None or not values:
        return Drift(statistic, Verdict.TOO_FEW, len(values), known)
    counts = _count(values, known.edges)
    psi = index(_smoothed([share * known.n for share in known.shares]), _smoothed(counts))
    usual = chance(len(counts), len(values), known.n)
    verdict = Verdict.STEADY
    if psi >= max(MODERATE, usual):
        verdict = Verdict.DRIFTED if psi >= max(LARGE, usual) else Verdict.SHIFTED
    if len(values) < least:
        verdict = Verdict.TOO_FEW
    return Drift(statistic, verdict, len(values), known, psi, usual, tuple(counts))


def rises(edges: Sequence[float]) -> bool:
    """Whether each edge is larger than the one before."""
    return all(low < high for low, high in pairwise(edges))


def _count(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_right(edges, value)] += 1
    return counts


def _smoothed(counts: Sequence[float]) -> list[float]:
    whole = sum(counts) + _HALF * len(counts)
    return [(count + _HALF) / whole for count in counts]

"""The figures of an evaluation, each with its uncertainty.

Sources: Wilson 1927 (intervals of proportions), https://doi.org/10.1080/01621459.1927.10502953;
Guo et al. 2017 (expected calibration error), https://arxiv.org/abs/1706.04599.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]
Groups = Sequence[Any] | NDArray[Any]
"""Of each picture, what keeps pictures together: a person, a group of copies."""
RESAMPLES = 2000
BINS = 10
Z = 1.959964


def interval(statistic: Callable[[NDArray[np.int64]], float | None], groups: Groups) -> dict[str, float]:
    """A figure with its 95 % bootstrap interval over groups (persons, copies): a group's pictures stay together.

    Args:
        statistic: the figure of the pictures with these positions; None where it is not defined.
        groups: of each picture.
    """
    names, group = np.unique(groups, return_inverse=True)
    pictures = [np.flatnonzero(group == i) for i in range(len(names))]
    random = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < RESAMPLES:
        chosen = np.concatenate([pictures[i] for i in random.integers(len(names), size=len(names))])
        value = statistic(chosen)
        if value is not None:
            found.append(value)
    whole = statistic(np.arange(len(group)))
    if whole is None:
        raise ValueError("the figure is not defined for the whole part")
    low, high = np.percentile(found, [2.5, 97.5])
    return {"value": short(whole), "low": short(low), "high": short(high)}


def area(scores: Scores, ill: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that one of the ill has a higher score than one of the others."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2
    sick = int(ill.sum())
    return float((rank[place][ill].sum() - sick * (sick + 1) / 2) / (sick * (len(ill) - sick)))


def auc(scores: Scores, labels: Labels, groups: Groups) -> dict[str, float]:
    """Area under the ROC curve, with a 95 % bootstrap interval over groups."""

    def statistic(chosen: NDArray[np.int64]) -> float | None:
        if not 0 < labels[chosen].sum() < len(chosen):
            return None
        return float(area(scores[chosen], labels[chosen] == 1))

    return interval(statistic, groups)


def macro_auc(probability: Scores, labels: Labels, groups: Groups) -> dict[str, float]:
    """Mean over the classes of the area under each one's ROC curve against the rest; `probability` (n, classes)."""
    classes = probability.shape[1]

    def statistic(chosen: NDArray[np.int64]) -> float | None:
        if len(np.unique(labels[chosen])) < classes:
            return None
        return float(np.mean([area(probability[chosen, i], labels[chosen] == i) for i in range(classes)]))

    return interval(statistic, groups)


def proportion(part: int, whole: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval."""
    share = part / whole
    middle = (share + Z**2 / (2 * whole)) / (1 + Z**2 / whole)
    half = Z / (1 + Z**2 / whole) * np.sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    return {"value": short(share), "low": short(middle - half), "high": short(middle + half), "n": whole}


def confusion(positive: NDArray[np.bool_], labels: Labels) -> dict[str, Any]:
    """The four counts at the operating point, and their proportions."""
    ill = labels == 1
    counts = {
        "true_positive": int((positive & ill).sum()),
        "false_negative": int((~positive & ill).sum()),
        "false_positive": int((positive & ~ill).sum()),
        "true_negative": int((~positive & ~ill).sum()),
    }
    hit, missed, false, clear = counts.values()
    return counts | {
        "sensitivity": proportion(hit, hit + missed),
        "specificity": proportion(clear, clear + false),
        "ppv": proportion(hit, hit + false),
        "npv": proportion(clear, clear + missed),
        "accuracy": proportion(hit + clear, len(labels)),
    }


def reliability(probability: Scores, labels: Labels) -> dict[str, Any]:
    """Expected calibration error over ten equal bins, Brier score, and the bins themselves."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = [
        {
            "said": short(probability[place == i].mean()),
            "seen": short(labels[place == i].mean()),
            "n": int((place == i).sum()),
        }
        for i in range(BINS)
        if (place == i).any()
    ]
    error = sum(b["n"] * abs(b["said"] - b["seen"]) for b in bins) / len(labels)
    return {"ece": short(error), "brier": short(((probability - labels) ** 2).mean()), "bins": bins}


def short(value: float) -> float:
    """Four digits after the point."""
    return round(float(value), 4)

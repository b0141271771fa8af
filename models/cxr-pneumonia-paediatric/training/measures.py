"""The figures of an evaluation, each with its uncertainty.

Sources: Wilson 1927 (intervals of proportions), https://doi.org/10.1080/01621459.1927.10502953;
Guo et al. 2017 (expected calibration error), https://arxiv.org/abs/1706.04599.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score  # type: ignore[import-untyped]

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]
RESAMPLES = 2000
BINS = 10
Z = 1.959964


def auc(scores: Scores, labels: Labels, persons: list[str]) -> dict[str, float]:
    """Area under the ROC curve, with a 95 % bootstrap interval over persons (their pictures stay together)."""
    names, person = np.unique(persons, return_inverse=True)
    pictures = [np.flatnonzero(person == i) for i in range(len(names))]
    random = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < RESAMPLES:
        chosen = np.concatenate([pictures[i] for i in random.integers(len(names), size=len(names))])
        if 0 < labels[chosen].sum() < len(chosen):
            found.append(roc_auc_score(labels[chosen], scores[chosen]))
    low, high = np.percentile(found, [2.5, 97.5])
    return {"value": _short(roc_auc_score(labels, scores)), "low": _short(low), "high": _short(high)}


def proportion(part: int, whole: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval."""
    share = part / whole
    middle = (share + Z**2 / (2 * whole)) / (1 + Z**2 / whole)
    half = Z / (1 + Z**2 / whole) * np.sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    return {"value": _short(share), "low": _short(middle - half), "high": _short(middle + half), "n": whole}


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
            "said": _short(probability[place == i].mean()),
            "seen": _short(labels[place == i].mean()),
            "n": int((place == i).sum()),
        }
        for i in range(BINS)
        if (place == i).any()
    ]
    error = sum(b["n"] * abs(b["said"] - b["seen"]) for b in bins) / len(labels)
    return {"ece": _short(error), "brier": _short(brier_score_loss(labels, probability)), "bins": bins}


def _short(value: float) -> float:
    return round(float(value), 4)

"""The NHS England algorithm for acute kidney injury, on columns of index results with their histories.

Source: NHS/PSA/D/2014/010, 9 June 2014.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

HOURS: Final = 48.0
ROUNDING: Final = 9
"""Decimals to which ratio and rise are compared: 1.2 / 0.8 mg/dL is 1.5, whatever float64 makes of umol/L."""


class Batch(NamedTuple):
    """Index results, one a row; NaN is unknown.

    Attributes:
        value: umol/L, shape (n,).
        age: years, shape (n,).
        low, high: reference interval, umol/L, shape (n,).
        earlier: umol/L, shape (n, k), padded with NaN.
        days: calendar days before the index result, shape (n, k).
        hours: hours before it, shape (n, k).
    """

    value: Tensor
    age: Tensor
    low: Tensor
    high: Tensor
    earlier: Tensor
    days: Tensor
    hours: Tensor


class Answer(NamedTuple):
    """What comes back, each of shape (n,); NaN where there is nothing to compare with.

    Attributes:
        stage: 0 (no alert) to 3, int64.
        position: against the reference interval: 0 unknown, 1 low, 2 normal, 3 high, int64.
    """

    stage: Tensor
    ratio: Tensor
    recent: Tensor
    baseline: Tensor
    rise: Tensor
    position: Tensor


@dataclass(frozen=True)
class Aki:
    """The rule with its thresholds, as the package names them."""

    numbers: dict[str, Any]

    def judge(self, batch: Batch) -> Answer:
        """All index results at once; every comparison with NaN is false, so what is unknown alerts nobody."""
        own = self.numbers
        recent = _lowest(batch.earlier, _between(batch.days, own["recent_days"]))
        baseline = _median(batch.earlier, _between(batch.days, own["baseline_days"]))
        ratio = _round(torch.fmax(batch.value / recent, batch.value / baseline))
        rise = _round(batch.value - _lowest(batch.earlier, (batch.hours >= 0) & (batch.hours <= HOURS)))
        first, second, third = own["ratio_thresholds"]
        adult = batch.age >= own["adult_age"]
        child = batch.age < own["adult_age"]
        limit = batch.high * own["child_stage_3_of_upper_limit"]
        absolute = (adult & (_round(batch.value) > own["absolute_stage_3_umol_l"])) | (
            child & (_round(batch.value) > _round(limit))
        )
        stage = (ratio >= first).long() + (ratio >= second).long() + (ratio >= third).long()
        stage = torch.where((ratio >= first) & absolute, 3, stage)
        stage = torch.where((stage == 0) & (rise > own["rise_48_h_umol_l"]), 1, stage)
        known = ~(batch.low.isnan() | batch.high.isnan())
        position = torch.where(known, 1 + (batch.value >= batch.low).long() + (batch.value > batch.high).long(), 0)
        return Answer(stage, ratio, recent, baseline, rise, position)


def _between(days: Tensor, bounds: list[int]) -> Tensor:
    return (days >= bounds[0]) & (days <= bounds[1])


def _lowest(values: Tensor, wanted: Tensor) -> Tensor:
    kept = torch.where(wanted & ~values.isnan(), values, torch.inf)
    padded = torch.nn.functional.pad(kept, (0, 1), value=torch.inf)  # so that no history is a history of nothing
    lowest = padded.amin(-1)
    return torch.where(lowest.isinf(), torch.nan, lowest)


def _median(values: Tensor, wanted: Tensor) -> Tensor:
    """The middle value; of an even number the mean of the two in the middle."""
    kept = torch.where(wanted & ~values.isnan(), values, torch.inf)
    ordered = torch.nn.functional.pad(kept, (0, 1), value=torch.inf).sort(-1).values
    count = ordered.isfinite().sum(-1, keepdim=True)
    low = ordered.gather(-1, (count - 1).clamp(min=0) // 2)
    high = ordered.gather(-1, count // 2)
    return torch.where(count > 0, (low + high) / 2, torch.nan).squeeze(-1)


def _round(values: Tensor) -> Tensor:
    return torch.round(values, decimals=ROUNDING)

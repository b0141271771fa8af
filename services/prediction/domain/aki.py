"""Acute kidney injury by the NHS England algorithm: which results it compares, and what the alert says.

Source: NHS/PSA/D/2014/010 (`models/nhs-aki`).
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

from services.prediction.domain.estimate import NO_DAY, Estimate, Method, remarks
from services.prediction.domain.record import Reading, Record
from services.prediction.domain.units import MICROMOLES, Analyte

HISTORY_DAYS: Final = 365
NEWBORN: Final = timedelta(days=28)
FRESH: Final = timedelta(days=7)
"""A result that was taken longer ago raises no alert: it came late, and nobody could act on it as an alert."""
UNLIKELY_RATIO: Final = 10
POSITIONS: Final = ("unknown", "low", "normal", "high")
"""Against the reference interval, as `equations.aki` counts them."""


@dataclass(frozen=True)
class Earlier:
    """An earlier result: umol/L, calendar days and hours before the index result."""

    value: float
    days: int
    hours: float


@dataclass(frozen=True)
class Ask:
    """What the rule is asked.

    Attributes:
        index: the newest creatinine; `value` is the same in umol/L.
        low, high: reference interval, umol/L.
    """

    index: Reading
    value: float
    age: int | None
    low: float | None
    high: float | None
    earlier: tuple[Earlier, ...]


@dataclass(frozen=True)
class Rule:
    """What the rule answers.

    Attributes:
        ratio: to the baseline; None without one.
        recent, baseline: lowest of 7 days, median of 8 to 365 days, umol/L.
        rise: from the lowest of 48 hours, umol/L.
        position: one of `POSITIONS`.
    """

    stage: int
    ratio: float | None
    recent: float | None
    baseline: float | None
    rise: float | None
    position: str


def prepare(record: Record) -> Ask | None:
    """What to ask; None when there is no creatinine, or the rule is not for this person."""
    readings = record.usable(Analyte.CREATININE)
    if not readings:
        return None
    index, *others = readings
    if index.at is None or index.value is None:
        return None
    day = index.at.astimezone(UTC).date()
    if record.person.born and day - record.person.born <= NEWBORN:
        return None
    earlier = [
        Earlier(
            reading.value * MICROMOLES,
            (day - reading.at.astimezone(UTC).date()).days,
            (index.at - reading.at) / timedelta(hours=1),
        )
        for reading in others
        if reading.at and reading.value is not None
    ]
    return Ask(
        index,
        index.value * MICROMOLES,
        record.person.age(day),
        index.low * MICROMOLES if index.low is not None else None,
        index.high * MICROMOLES if index.high is not None else None,
        tuple(one for one in earlier if one.days <= HISTORY_DAYS),
    )


def conclude(ask: Ask, rule: Rule, record: Record) -> Estimate:
    """The stage; 0 is no alert."""
    at = ask.index.at
    late = at is not None and record.now - at > FRESH
    notes = [*remarks(record, Analyte.CREATININE)]
    if ask.age is None:
        notes.append(f"Missing: {NO_DAY}; the rules that need an age were left out.")
    if rule.ratio is not None and rule.ratio > UNLIKELY_RATIO:
        notes.append("The ratio is above 10: check the units of both results first.")
    return Estimate(
        Method.AKI,
        at,
        _said(ask, rule, late=late),
        value=0.0 if late else float(rule.stage),
        age=ask.age,
        missing=(NO_DAY,) if ask.age is None else (),
        notes=tuple(notes),
        basis=(ask.index.source,),
    )


def context(rule: Rule | None) -> tuple[str, ...]:
    """What somebody who reads the eGFR of the same creatinine must know."""
    if rule is None:
        return ()
    if rule.stage:
        return (f"Creatinine is not steady (AKI warning stage {rule.stage}): the eGFR is not valid.",)
    if rule.position == "high" and rule.ratio is None:
        return (
            "Above the reference interval, no result of 365 days to compare: ?AKI ?CKD, suggest repeat (NHS England).",
        )
    return ()


def _said(ask: Ask, rule: Rule, *, late: bool) -> str:
    if not rule.stage:
        return "No AKI alert (NHS England algorithm)."
    return f"No alert, the sample is more than 7 days old: {_words(ask, rule)}" if late else _words(ask, rule)


def _words(ask: Ask, rule: Rule) -> str:
    head = f"AKI warning stage {rule.stage} (NHS England algorithm): creatinine {ask.value:.0f} umol/L"
    if rule.ratio is not None and rule.ratio >= 1.5:  # noqa: PLR2004 (the rule's first threshold)
        by_recent = rule.recent is not None and (rule.baseline is None or rule.recent <= rule.baseline)
        base = f"lowest of 7 days ({rule.recent:.0f})" if by_recent else f"median of a year ({rule.baseline:.0f})"
        return f"{head} = {rule.ratio:.1f} x {base}"
    return f"{head}, up {rule.rise:.0f} umol/L within 48 hours"

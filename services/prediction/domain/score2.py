"""SCORE2: whom it is for, what it needs, and the guideline's own words for the figure.

Sources: SCORE2 working group 2021, SCORE2-OP working group 2021, ESC 2021 prevention guideline (`models/score2`).
"""

from dataclasses import dataclass
from typing import Final

from services.prediction.domain.estimate import NO_DAY, NO_SEX, Contribution, Estimate, Method, newest, remarks
from services.prediction.domain.record import Reading, Record
from services.prediction.domain.units import SCALES, WORDS, Analyte

YOUNGEST: Final = 40
OLDEST: Final = 89
OLDER_FROM: Final = 70
NEEDS: Final = (Analyte.SMOKING, Analyte.SYSTOLIC, Analyte.TOTAL_CHOLESTEROL, Analyte.HDL_CHOLESTEROL)
FACTORS: Final = ("age", *(str(analyte) for analyte in NEEDS))
"""The terms of the linear predictor, in the order in which `equations.score2` gives them."""

LABELS: Final = ("low-to-moderate", "high", "very high")
_CATEGORIES: Final = ((50, "age under 50", 2.5, 7.5), (70, "age 50-69", 5.0, 10.0), (90, "age 70 and over", 7.5, 15.0))
"""Below which age, in words, and the two thresholds in per cent (ESC 2021)."""


@dataclass(frozen=True)
class Ask:
    """What the equation is asked."""

    female: bool
    age: int
    smoker: Reading
    sbp: Reading
    tc: Reading
    hdl: Reading

    @property
    def used(self) -> tuple[Reading, ...]:
        """The readings behind it, in the order of `NEEDS`."""
        return (self.smoker, self.sbp, self.tc, self.hdl)


def prepare(record: Record, region: str) -> Ask | Estimate:
    """What to ask, or why nothing is asked."""
    found = [record.latest(analyte) for analyte in NEEDS]
    at = newest(reading for reading in found if reading)
    age = record.person.age((at or record.now).date())
    lacking = [WORDS[analyte] for analyte, reading in zip(NEEDS, found, strict=True) if reading is None]
    lacking += [NO_DAY] if age is None else []
    lacking += [NO_SEX] if record.person.sex not in {"female", "male"} else []
    notes = _notes(record, lacking)
    basis = tuple(reading.source for reading in found if reading)
    refused = _refusal(record, age)
    if refused:
        words = f"Not estimated: {refused}."
        return Estimate(Method.SCORE2, at, words, refused=refused, notes=notes, basis=basis, variant=region)
    smoker, sbp, tc, hdl = found
    if lacking or age is None or not (smoker and sbp and tc and hdl):
        words = f"Not estimated. Missing: {', '.join(lacking)}."
        return Estimate(Method.SCORE2, at, words, missing=tuple(lacking), notes=notes, basis=basis, variant=region)
    return Ask(record.person.sex == "female", age, smoker, sbp, tc, hdl)


def _refusal(record: Record, age: int | None) -> str | None:
    if age is not None and not YOUNGEST <= age <= OLDEST:
        return f"SCORE2 is for {YOUNGEST} to {OLDEST} years"
    if record.diseases:
        return f"SCORE2 is not for people with {' or '.join(sorted(record.diseases))}"
    return None


def conclude(
    ask: Ask, record: Record, region: str, risk: float, reference: float, terms: list[float], shares: list[float]
) -> Estimate:
    """The risk with what it is made of.

    Args:
        risk, reference: 0..1; of this person, and of one at every factor's centre.
        terms: of the linear predictor, in the order of `FACTORS`.
        shares: of `risk - reference`, in the same order.
    """
    texts = [f"age {ask.age} years", "current smoker" if ask.smoker.value else "not a current smoker"]
    texts += [
        f"{WORDS[reading.analyte]} {reading.value:.3g} {SCALES[reading.analyte].unit}" for reading in ask.used[1:]
    ]
    made = zip(FACTORS, texts, terms, shares, strict=True)
    return Estimate(
        Method.SCORE2,
        newest(ask.used),
        f"10-year risk of cardiovascular disease {100 * risk:.1f} % ({region.replace('_', ' ')}-risk region).",
        value=risk,
        label=category(ask.age, risk),
        age=ask.age,
        linear=sum(terms),
        reference=reference,
        contributions=tuple(Contribution(*one) for one in made),
        notes=_notes(record, []),
        basis=tuple(reading.source for reading in ask.used),
        variant=region,
    )


def category(age: int, risk: float) -> str:
    """The guideline's words for a risk at an age."""
    words, high, very_high = next(row[1:] for row in _CATEGORIES if age < row[0])
    percent = 100 * risk
    at = (percent >= high) + (percent >= very_high)
    span = (f"under {high:g} %", f"{high:g} to <{very_high:g} %", f"{very_high:g} % and over")[at]
    return f"ESC 2021, {words}: {span} = {LABELS[at]}"


def _notes(record: Record, lacking: list[str]) -> tuple[str, ...]:
    known = "The hub knows only the diagnoses that the hospital has told; diabetes, earlier cardiovascular disease and"
    return (
        f"Missing: {', '.join(lacking) or 'none'}.",
        *remarks(record, *NEEDS),
        f"{known} kidney disease must be excluded by a human.",
    )

"""eGFR: whom it is for, what it needs, and what is said beside the figure.

Sources: Levey 2009, Inker 2021 (`models/egfr-ckd-epi`); KDIGO 2024 on steady state.
"""

from dataclasses import dataclass
from typing import Final

from services.prediction.domain.estimate import NO_DAY, NO_SEX, Contribution, Estimate, Method, newest, remarks
from services.prediction.domain.record import Reading, Record
from services.prediction.domain.units import WORDS, Analyte

ADULT: Final = 18
COMBINED: Final = "ckdepi_2021_creat_cys"
SEXES: Final = ("female", "male")
FACTORS: Final = ("constant", "creatinine", "cystatin_c", "age", "sex")
"""The terms of ln(eGFR), in the order in which `equations.egfr` gives them."""


@dataclass(frozen=True)
class Ask:
    """What the equation is asked for; without a binary sex, for both.

    Attributes:
        creatinine: mg/dL.
        cystatin_c: mg/L, for the combined equation.
    """

    sexes: tuple[str, ...]
    age: int
    creatinine: Reading
    cystatin_c: Reading | None

    @property
    def used(self) -> tuple[Reading, ...]:
        """The readings behind it."""
        return (self.creatinine, self.cystatin_c) if self.cystatin_c else (self.creatinine,)


def needs(equation: str) -> tuple[Analyte, ...]:
    """What an equation takes."""
    return (Analyte.CREATININE, Analyte.CYSTATIN_C) if equation == COMBINED else (Analyte.CREATININE,)


def prepare(record: Record, equation: str, context: tuple[str, ...]) -> Ask | Estimate:
    """What to ask, or why nothing is asked.

    Args:
        context: what else is known of this creatinine, for the notes.
    """
    found = {analyte: record.latest(analyte) for analyte in needs(equation)}
    at = newest(reading for reading in found.values() if reading)
    age = record.person.age((at or record.now).date())
    sexes = SEXES if record.person.sex in {"other", "unknown"} else (record.person.sex,)
    lacking = [WORDS[analyte] for analyte, reading in found.items() if reading is None]
    lacking += [NO_DAY] if age is None else []
    lacking += [NO_SEX] if record.person.sex not in {*SEXES, "other", "unknown"} else []
    notes = (*remarks(record, *needs(equation)), *context)
    basis = tuple(reading.source for reading in found.values() if reading)
    if age is not None and age < ADULT:
        words = f"Not estimated: for adults of {ADULT} years and older."
        return Estimate(Method.EGFR, at, words, refused="under 18 years", notes=notes, basis=basis, variant=equation)
    creatinine = found[Analyte.CREATININE]
    if lacking or age is None or creatinine is None:
        words = f"Not estimated. Missing: {', '.join(lacking)}."
        missing = tuple(lacking)
        return Estimate(Method.EGFR, at, words, missing=missing, notes=notes, basis=basis, variant=equation)
    return Ask(tuple(str(sex) for sex in sexes), age, creatinine, found.get(Analyte.CYSTATIN_C))


def conclude(
    ask: Ask, record: Record, equation: str, context: tuple[str, ...], values: list[float], terms: list[list[float]]
) -> Estimate:
    """The figure, or an interval over both sexes.

    Args:
        values: mL/min/1.73 m2, one for each sex asked.
        terms: of ln(eGFR), in the order of `FACTORS`, one list for each sex asked.
    """
    low, high = min(values), max(values)
    single = len(values) == 1
    figure = f"{low:.0f}" if single else f"{low:.0f} to {high:.0f}, by sex"
    texts = {
        "constant": "equation's constant",
        "creatinine": f"creatinine {ask.creatinine.value:.3g} mg/dL",
        "cystatin_c": f"cystatin C {ask.cystatin_c.value:.3g} mg/L" if ask.cystatin_c else "",
        "age": f"age {ask.age} years",
        "sex": f"sex {ask.sexes[0]}",
    }
    made = [Contribution(name, texts[name], term) for name, term in zip(FACTORS, terms[0], strict=True) if texts[name]]
    return Estimate(
        Method.EGFR,
        newest(ask.used),
        f"eGFR {figure} mL/min/1.73 m2.",
        value=low,
        high=None if single else high,
        age=ask.age,
        linear=sum(terms[0]) if single else None,
        contributions=tuple(made) if single else (),
        notes=(*remarks(record, *needs(equation)), *context),
        basis=tuple(reading.source for reading in ask.used),
        variant=equation,
    )

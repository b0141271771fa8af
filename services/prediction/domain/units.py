"""Units: a value without one is no value, and an implausible value is none either; both are said.

Sources: UCUM (https://ucum.org); factors by molar mass (creatinine 113.12 g/mol, cholesterol 386.65 g/mol).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Analyte(StrEnum):
    """What is measured or asked, in the words of the models' packages."""

    CREATININE = "creatinine"
    CYSTATIN_C = "cystatin_c"
    TOTAL_CHOLESTEROL = "tc"
    HDL_CHOLESTEROL = "hdl"
    SYSTOLIC = "sbp"
    SMOKING = "smoker"


WORDS: Final = {
    Analyte.CREATININE: "creatinine",
    Analyte.CYSTATIN_C: "cystatin C",
    Analyte.TOTAL_CHOLESTEROL: "total cholesterol",
    Analyte.HDL_CHOLESTEROL: "HDL cholesterol",
    Analyte.SYSTOLIC: "systolic blood pressure",
    Analyte.SMOKING: "smoking status",
}

MICROMOLES: Final = 88.4
"""umol/L of creatinine in 1 mg/dL."""


@dataclass(frozen=True)
class Scale:
    """How an analyte is counted.

    Attributes:
        unit: UCUM, in which the equations take it.
        factors: UCUM unit → factor to `unit`.
        lowest, highest: plausible, in `unit`.
    """

    unit: str
    factors: dict[str, float]
    lowest: float
    highest: float


SCALES: Final = {
    Analyte.CREATININE: Scale(
        "mg/dL", {"mg/dL": 1.0, "umol/L": 1 / MICROMOLES, "mmol/L": 1000 / MICROMOLES, "mg/L": 0.1}, 0.1, 30
    ),
    Analyte.CYSTATIN_C: Scale("mg/L", {"mg/L": 1.0}, 0.2, 10),
    Analyte.TOTAL_CHOLESTEROL: Scale("mmol/L", {"mmol/L": 1.0, "mg/dL": 0.02586, "g/L": 2.586}, 1, 20),
    Analyte.HDL_CHOLESTEROL: Scale("mmol/L", {"mmol/L": 1.0, "mg/dL": 0.02586, "g/L": 2.586}, 0.2, 5),
    Analyte.SYSTOLIC: Scale("mm[Hg]", {"mm[Hg]": 1.0, "kPa": 7.50062, "cm[Hg]": 10.0}, 30, 300),
}


@dataclass(frozen=True)
class Quantity:
    """A measured value: in the equations' unit, or the reason why it is none.

    Attributes:
        note: what was done to it, for the human who reads the result.
        problem: why it is not used.
    """

    value: float | None
    note: str | None = None
    problem: str | None = None


def convert(analyte: Analyte, value: float, unit: str | None) -> Quantity:
    """The value in the unit of the equations.

    Args:
        unit: UCUM, as the sender gave it.
    """
    scale, words = SCALES[analyte], WORDS[analyte]
    if not unit:
        return Quantity(None, problem=f"{words}: a value without a unit is no value")
    factor = scale.factors.get(unit)
    if factor is None:
        return Quantity(None, problem=f"{words}: the unit is not one of {', '.join(scale.factors)}")
    converted = value * factor
    if not scale.lowest <= converted <= scale.highest:
        return Quantity(None, problem=f"{words}: {value:g} {unit} is implausible")
    if unit == scale.unit:
        return Quantity(converted)
    return Quantity(converted, note=f"{words} {value:g} {unit} -> {converted:.4g} {scale.unit}")

"""eGFR by CKD-EPI 2009 and 2021, creatinine alone or with cystatin C.

Sources: Levey AS, Ann Intern Med 2009;150:604; Inker LA, N Engl J Med 2021;385:1737.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

CYSTATIN_KNOT: Final = 0.8
"""mg/L, in all CKD-EPI equations with cystatin C."""


class Batch(NamedTuple):
    """Patients, one a row; shape (n,).

    Attributes:
        female: bool.
        age: years, float64.
        creatinine: mg/dL, float64.
        cystatin_c: mg/L, float64; unread by equations without it.
    """

    female: Tensor
    age: Tensor
    creatinine: Tensor
    cystatin_c: Tensor


class Answer(NamedTuple):
    """What comes back.

    Attributes:
        value: mL/min/1.73 m2, shape (n,).
        terms: of ln(value): constant, creatinine, cystatin C, age, sex; shape (n, 5).
    """

    value: Tensor
    terms: Tensor


@dataclass(frozen=True)
class Egfr:
    """One equation of the package.

    Attributes:
        numbers: its coefficients, as the package names them.
    """

    numbers: dict[str, Any]

    def estimate(self, batch: Batch) -> Answer:
        """All patients at once: a product, so a sum of logarithms."""
        own = self.numbers
        knot = torch.where(batch.female, own["k"]["F"], own["k"]["M"]).to(torch.float64)
        below = torch.where(batch.female, own["a"]["F"], own["a"]["M"]).to(torch.float64)
        terms = torch.stack(
            [
                torch.full_like(batch.age, math.log(own["mult"])),
                _bent(batch.creatinine / knot, below, own["b"]),
                _bent(batch.cystatin_c / CYSTATIN_KNOT, own["c"], own["d"])
                if "c" in own
                else torch.zeros_like(batch.age),
                batch.age * math.log(own["age"]),
                torch.where(batch.female, math.log(own["female"]), 0.0).to(torch.float64),
            ],
            dim=-1,
        )
        return Answer(terms.sum(-1).exp(), terms)


def _bent(ratio: Tensor, below: Tensor | float, above: float) -> Tensor:
    """Logarithm of min(ratio, 1)^below * max(ratio, 1)^above."""
    logarithm = ratio.log()
    return logarithm.clamp(max=0) * below + logarithm.clamp(min=0) * above

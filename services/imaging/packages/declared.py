"""What every declaration of a package is: frozen, and without a key that nobody knows."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Millimetres = Annotated[float, Field(gt=0, le=1000)]


class Declared(BaseModel):
    """Unknown keys are mistakes: a misspelt threshold must not be passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SpacingDeclared(Declared):
    """Millimetres."""

    at_least: Annotated[float, Field(gt=0)] | None = None
    at_most: Annotated[float, Field(gt=0)] | None = None

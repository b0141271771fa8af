"""How the hospital's server behaves: well, slow, dead, or breaking off once it has stored a report."""

import threading
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Behaviour = Literal["well", "slow", "dead", "cut"]
"""`slow` waits before it answers, `dead` answers 503, `cut` stores and lets a proxy answer 502."""


class Mood(BaseModel):
    """What the control door is told.

    Attributes:
        seconds: how long `slow` waits.
        remaining: for how many reports; then the server is well again. None: until told otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    behaviour: Behaviour = "well"
    seconds: float = Field(default=0.0, ge=0, le=600)
    remaining: int | None = Field(default=None, ge=1)


class Control:
    """The mood of the moment; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mood = Mood()

    def show(self) -> Mood:
        """The present mood; looking does not use it up."""
        with self._lock:
            return self._mood

    def set(self, mood: Mood) -> None:
        """Behave so from now on."""
        with self._lock:
            self._mood = mood

    def use(self) -> Mood:
        """The mood in which the next report is met."""
        with self._lock:
            mood = self._mood
            if mood.remaining is not None:
                left = mood.remaining - 1
                self._mood = mood.model_copy(update={"remaining": left}) if left else Mood()
            return mood

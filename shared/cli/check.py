"""One check of `hub doctor`: what was looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Check:
    """The outcome of one look.

    Attributes:
        found: one phrase; never a patient's value or a secret.
        fix: what to do; empty when all is well.
    """

    name: str
    level: Level
    found: str
    fix: str = ""


def well(name: str, found: str) -> Check:
    """It is as it should be."""
    return Check(name, Level.OK, found)


def warning(name: str, found: str, fix: str) -> Check:
    """It works, and somebody should look."""
    return Check(name, Level.WARNING, found, fix)


def failure(name: str, found: str, fix: str) -> Check:
    """It does not work."""
    return Check(name, Level.FAILURE, found, fix)

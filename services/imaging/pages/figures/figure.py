"""What a figure is, and how a share is written."""

from dataclasses import dataclass

from markupsafe import Markup

from services.imaging.domain.intervals import Share
from services.imaging.domain.watching import SMALLEST
from services.imaging.pages.plots import Line

Row = tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One plot with its words.

    Attributes:
        says: what it shows now, in a sentence.
        means: how to read it, and what it cannot tell.
        plots: one picture, or several small ones, each under its own name.
        terms: what its names mean.
        head, rows: the same numbers as a table; the first column names the row.
    """

    name: str
    title: str
    says: str
    means: str
    plots: tuple[tuple[str, Markup], ...]
    head: Row
    rows: tuple[Row, ...]
    terms: tuple[tuple[str, str], ...] = ()


def share(found: Share | None) -> str:
    """A share for people: value, interval, counts; or that there are too few."""
    if found is None or found.whole < SMALLEST:
        return f"fewer than {SMALLEST}"
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f}), {found.part} of {found.whole}"


def line(name: str, one: Share | None, *, counted: bool = True) -> Line:
    """A share as a row of a chart, with its whole if `counted`; too few for one is said instead."""
    if one is None or one.whole < SMALLEST:
        return Line(name, None, note=f"fewer than {SMALLEST}")
    return Line(f"{name} ({one.whole})" if counted else name, one.value, one.low, one.high)

"""A panel: a titled table that a service adds to its part of the operator's page, the same as HTML and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ops.verdict import Problem

Cell = str | int | float | datetime | timedelta | None


@dataclass(frozen=True)
class Panel:
    """What a service shows of itself: figures and names; never anything of a patient.

    Attributes:
        columns: their headings; the first cell of a row names it.
        problems: what of it an operator should look at.
        empty: the sentence that stands for no rows.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    problems: Sequence[Problem] = ()
    empty: str = "Nothing."

    def as_json(self) -> dict[str, object]:
        """The same for programs: one object a row; times as ISO 8601, lengths of time in seconds."""
        rows = [dict(zip(self.columns, map(as_json, row), strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows}


def as_json(cell: Cell) -> str | int | float | None:
    """A cell for programs."""
    match cell:
        case datetime():
            return cell.isoformat(timespec="seconds")
        case timedelta():
            return cell.total_seconds()
        case _:
            return cell

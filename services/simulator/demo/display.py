"""The cases on a terminal: a live table where there is one, plain lines elsewhere; NO_COLOR is honoured by rich."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.simulator.demo.steps import Progress, Step

SHORT = {
    Step.ANNOUNCED: "told",
    Step.STORED: "files",
    Step.COMPLETE: "whole",
    Step.ANALYSED: "AI",
    Step.READY: "ready",
    Step.RISK: "risk",
    Step.SIGNED: "sign",
    Step.DELIVERED: "EHR",
    Step.PROPOSED: "plan",
    Step.BOOKED: "book",
    Step.SEEN: "seen",
}
COLUMNS = tuple(step for step in Step if step is not Step.ARCHIVED)
"""What 80 columns of a terminal hold; the proof at the end looks into the archive itself."""

HEADINGS = tuple(SHORT.get(step, str(step)) for step in COLUMNS)
"""Short enough, too."""

_NO_TENTHS = 100
"""Seconds from which tenths are no news."""

MARK = "SYNTHETIC-"
URGENCY = {"stat": "bold red", "urgent": "yellow", "asap": "yellow", "routine": "default"}


class Display:
    """Shows the cases while they move.

    Args:
        console: where; a terminal gets a live table.
    """

    def __init__(self, console: Console, cases: Sequence[Progress]) -> None:
        self._console = console
        self._cases = cases
        self._live = Live(console=console, get_renderable=self._table, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, case: Progress, steps: Sequence[Step]) -> None:
        """A case has moved."""
        if self._console.is_terminal:
            self._live.refresh()
            return
        for step in steps:
            self.say(f"{name(case):28} {case.word(step):24} {case.seconds(step) or 0:6.1f} s")

    def say(self, sentence: str) -> None:
        """Something else that a person should know."""
        self._console.print(sentence, highlight=False, soft_wrap=True)

    def close_with_table(self) -> None:
        """The table as it stands, to stay on the screen."""
        self._console.print(self._table())

    def _table(self) -> Table:
        title = "SYNTHETIC patients; seconds since the hub first heard of each"
        table = Table("case", "urgency", *HEADINGS, title=title, box=SIMPLE_HEAD, padding=0, show_edge=False)
        for column in table.columns:
            column.no_wrap = True
        for case in self._cases:
            style = URGENCY[case.examination.priority]
            cells = [_cell(case, step) for step in COLUMNS]
            table.add_row(name(case).removeprefix(MARK), f"[{style}]{case.examination.priority}[/{style}]", *cells)
        return table


def name(case: Progress) -> str:
    """The invented patient, as the worklist names them."""
    return f"{case.examination.family} {case.examination.given}"


def _cell(case: Progress, step: Step) -> str:
    seconds = case.seconds(step)
    if seconds is None:
        return f"[red]{case.held}[/red]" if step is Step.COMPLETE and case.held else _absent(case, step)
    if step is Step.ANALYSED and case.refused:
        return f"[magenta]{case.refused}[/magenta]"
    return f"[green]{seconds:.{0 if seconds >= _NO_TENTHS else 1}f}[/green]"


def _absent(case: Progress, step: Step) -> str:
    return "[dim]…[/dim]" if case.expects(step) else "[dim]-[/dim]"

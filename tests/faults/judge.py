"""The verdict: the hospital's ledger against the hub's books; every entry of it is named, none is only counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from books import ANSWERS, Books, Case, Repository
from ledger import Entry, Ledger

from shared.events import Event
from shared.fhir.codes import REPORT_SYSTEM

ONCE: Final = (str(Event.STUDY_AVAILABLE), str(Event.STUDY_COMPLETED))
"""What is said of a study one time, besides its one answer."""

EXPLAINED: Final = frozenset({"awaiting a human", "delivered", "dead-lettered"})
"""Where an accepted study of this day may stand once the hub is idle."""


@dataclass
class Count:
    """The studies of one fault.

    Attributes:
        lost, twice, unexplained: what is wrong, one line each.
        again: reports that the hospital got more than once with the same content, which overwrote itself.
        slowest_s: the longest wait for a preliminary result.
    """

    accepted: int = 0
    signed: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    again: int = 0
    slowest_s: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The whole day.

    Attributes:
        windows: by fault, in the order of the day.
        unexplained: what the hub's own reconciliation says.
        letters: dead letters that wait for an operator, by what they are.
        damaged: kept files that are not what their digest says.
    """

    windows: dict[str, Count]
    unexplained: int
    letters: Counter[str]
    damaged: list[str]

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        found = [line for count in self.windows.values() for line in (*count.lost, *count.twice, *count.unexplained)]
        found += [f"{name} is damaged" for name in self.damaged]
        return found + ([f"`hub cases` says {self.unexplained} unexplained"] if self.unexplained else [])


def judge(ledger: Ledger, books: Books, *, unexplained: Callable[[], int]) -> Verdict:
    """Compare them once everything has come to rest."""
    books.look()
    said, kept, received = books.said(), books.repository(), books.received()
    windows: dict[str, Count] = {}
    for entry in ledger.entries():
        count = windows.setdefault(entry.window, Count())
        if not entry.accepted:
            continue
        case = books.cases.get(entry.uid)
        count.accepted += entry.accepted_at is not None
        count.signed += entry.signed_at is not None
        count.slowest_s = max(count.slowest_s, books.waits.get(entry.uid, 0.0))
        arrivals = [one for one in received if case and one["key"] == f"{REPORT_SYSTEM}|{case.id}"]
        count.again += max(0, len(arrivals) - 1)
        count.lost += lost(entry, case, said, kept, arrivals)
        count.twice += twice(entry, case, said, kept, arrivals)
        if case and case.state not in EXPLAINED:
            count.unexplained.append(f"{entry.uid} is {case.state}")
    return Verdict(windows, unexplained(), books.letters(), books.damaged())


def lost(
    entry: Entry, case: Case | None, said: Counter[tuple[str, str]], kept: Repository, arrivals: Sequence[Any]
) -> list[str]:
    """What was accepted of an examination and is not there."""
    if case is None:
        return [f"{entry.uid} was accepted and has no case"]

    def missing() -> Iterator[str]:
        answers = [event for event in ANSWERS if said[entry.uid, event]]
        if entry.accepted_at and not answers:
            yield "has no answer"
        if Event.ANALYSIS_COMPLETED in answers and not _ai_reports(entry, kept):
            yield "has an answer that is not in the repository"
        if any(not kept.results[name] for name in entry.results()):
            yield "has a laboratory value that is not in the repository"
        if entry.signed_at and not arrivals:
            yield "has a signed report that the hospital never got"
        if entry.signed_at and not kept.reports[case.id]:
            yield "has a signed report that is not in the repository"

    return [f"{entry.uid} {what}" for what in missing()]


def twice(
    entry: Entry, case: Case | None, said: Counter[tuple[str, str]], kept: Repository, arrivals: Sequence[Any]
) -> list[str]:
    """What happened more than once."""
    mrn = entry.examination.mrn

    def doubled() -> Iterator[str]:
        yield from (f"{event} was said twice" for event in ONCE if said[entry.uid, event] > 1)
        if sum(said[entry.uid, event] for event in ANSWERS) > 1:
            yield "was answered twice"
        yield from (f"{name} is there twice" for name in entry.results() if kept.results[name] > 1)
        yield from (f"{kind} is there twice" for kind in ("Observation", "Appointment") if kept.made[mrn, kind] > 1)
        if sum(_ai_reports(entry, kept)) > 1 or (case and kept.reports[case.id] > 1):
            yield "has two reports in the repository"
        if len({one["digest"] for one in arrivals}) > 1:
            yield "has reports of different content at the hospital"

    return [f"{entry.uid}: {what}" for what in doubled()]


def _ai_reports(entry: Entry, kept: Repository) -> list[int]:
    return [count for name, count in kept.reports.items() if name.startswith(f"ai-{entry.uid}-")]

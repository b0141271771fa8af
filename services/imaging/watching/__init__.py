"""How a model is doing at this site, for the page and for Prometheus: one look puts together all that is kept.

Everything is over a window: the last answers, and none older than a period. Figures are of answers, never of readers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.imaging import store
from services.imaging.domain import drift
from services.imaging.domain.drift import STATISTICS, Drift, Reference, Verdict
from services.imaging.domain.intervals import Difference, Estimate, Share, difference, kappa, wilson
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Entry, Stage
from services.imaging.domain.watching import Judged, Watched, agreement, asks_the_same
from services.imaging.settings import Settings

SAID: Final = ("flagged", "not flagged", "not analysed")
RECENT: Final = 4
"""The newest quarter of the judged answers is held against the older ones."""


@dataclass(frozen=True)
class Beside:
    """A shadow model beside the model whose answers readers got, on the same studies.

    Attributes:
        table: counts, what readers got (rows) by what the shadow said (columns), in the order of `SAID`.
        kappa: of the studies on which both answered.
        scores: of the same studies: what readers got, what the shadow said.
    """

    answered: Model
    table: tuple[tuple[int, ...], ...]
    kappa: Estimate | None
    scores: tuple[tuple[float, float], ...]
    difference: Difference | None


@dataclass(frozen=True)
class Watch:
    """One model, watched.

    Attributes:
        answers: the window, the newest first.
        weeks: Monday, stage, whether it answered, how many.
        judged: answers of which a signed report tells whether the finding is there, or that it was right in part.
        gathered: of the first answers here that stand in for a reference that the package lacks.
    """

    entry: Entry
    answers: Sequence[Watched]
    weeks: Sequence[tuple[date, str, bool, int]]
    drifts: Sequence[Drift]
    judged: Sequence[Judged]
    beside: Sequence[Beside]
    gathered: int

    @property
    def refused(self) -> Share | None:
        """Of the window."""
        return wilson(sum(each.refused for each in self.answers), len(self.answers))

    @property
    def reasons(self) -> Mapping[str, int]:
        """How often each reason kept it from reading, the most frequent first."""
        return dict(Counter(each.outcome for each in self.answers if each.refused).most_common())

    @property
    def told(self) -> list[Judged]:
        """The judged answers that say whether the finding is there."""
        return [each for each in self.judged if each.present is not None]

    @property
    def recent(self) -> Share | None:
        """Agreement on the newest quarter."""
        return agreement(self.told[: len(self.told) // RECENT])

    @property
    def before(self) -> Share | None:
        """Agreement on the rest."""
        return agreement(self.told[len(self.told) // RECENT :])

    @property
    def worst(self) -> Drift | None:
        """The statistic that moved most of those that can be judged."""
        able = [each for each in self.drifts if each.verdict is not Verdict.TOO_FEW]
        order = list(Verdict)
        return max(able, key=lambda each: (order.index(each.verdict), each.psi or 0.0), default=None)


def look(session: store.Session, known: Sequence[Entry], entry: Entry, chosen: Settings, now: datetime) -> Watch:
    """Watch one model."""
    named = (entry.model.name, entry.model.version)
    kept = store.recent(session, *named, chosen.watch_answers, now - chosen.watch_period)
    first = store.first_looks(session, *named, chosen.watch_least)
    given = store.references(session, *named)
    asked = [each.model for each in known if asks_the_same(each.model, entry.model)]
    others = [(model.name, model.version) for model in asked if model != entry.model]
    return Watch(
        entry=entry,
        answers=[each for _, each in kept],
        weeks=store.by_week(session, *named),
        drifts=list(_drifts(kept, first, given, chosen.watch_least)),
        judged=store.judged(session, *named, others, chosen.watch_answers),
        beside=list(_beside(session, entry, asked, chosen.watch_answers)),
        gathered=len(first),
    )


def look_at_all(session: store.Session, chosen: Settings, now: datetime) -> list[Watch]:
    """Watch every model that may be asked; a disabled one has its page still."""
    known = store.models(session)
    return [look(session, known, each, chosen, now) for each in known if each.stage is not Stage.DISABLED]


def _drifts(
    kept: Sequence[tuple[int, Watched]],
    first: Sequence[tuple[int, Watched]],
    given: Mapping[str, Reference],
    least: int,
) -> Iterator[Drift]:
    """Against the package's own reference, else against the first answers here, which then are not judged."""
    last = first[-1][0] if len(first) == least else None
    for statistic in STATISTICS:
        of = _value(statistic)
        own = given.get(statistic)
        if own or last is None:
            yield drift.judge(statistic, own, _values((each for _, each in kept), of), least)
            continue
        begun = _values((each for _, each in first), of)
        reference = drift.reference(begun, f"the first {len(begun)} answers here") if len(begun) > 1 else None
        yield drift.judge(statistic, reference, _values((each for at, each in kept if at > last), of), least)


def _value(statistic: str) -> Callable[[Watched], float | None]:
    return lambda each: each.score if statistic == "score" else each.looks.get(statistic)


def _values(answers: Iterable[Watched], of: Callable[[Watched], float | None]) -> list[float]:
    return [value for value in map(of, answers) if value is not None]


def _beside(session: store.Session, entry: Entry, asked: Sequence[Model], limit: int) -> Iterator[Beside]:
    shadow = (entry.model.name, entry.model.version)
    for model in asked:
        met = store.pairs(session, shadow, (model.name, model.version), limit) if model != entry.model else []
        if not met:
            continue
        both = [(one, two) for one, two in met if one.score is not None and two.score is not None]
        scores = tuple((one.score or 0.0, two.score or 0.0) for one, two in both)
        answered = [[one.flagged, two.flagged] for one, two in both]
        square = [[answered.count([row, column]) for column in (True, False)] for row in (True, False)]
        said = [(_said(one), _said(two)) for one, two in met]
        table = tuple(tuple(said.count((row, column)) for column in SAID) for row in SAID)
        yield Beside(model, table, kappa(square), scores, difference(scores))


def _said(answer: Watched) -> str:
    return {True: SAID[0], False: SAID[1], None: SAID[2]}[answer.flagged]

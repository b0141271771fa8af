"""One look at a service from inside: its own database and the broker, and nothing of another service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from shared import db, dead_letters, inbox, migrate, outbox
from shared.dead_letters import Stored
from shared.errors import HubError, Unavailable
from shared.ops import queues
from shared.ops.panel import Panel
from shared.ops.verdict import LATELY, Held, Problem, Queue, Standing, judge, worst_first

Panels = Callable[[], Sequence[Panel]]
Ready = Sequence[Callable[[], None]]


@dataclass(frozen=True)
class Subject:
    """A service that is looked at.

    Attributes:
        panels: what it adds; called with each look, in the service's own transactions.
        ready: its own checks of `/readyz`.
    """

    service: str
    panels: Panels
    ready: Ready = ()

    @property
    def path(self) -> str:
        """Where its part of the page is."""
        return f"/ops/{self.service.replace('_', '-')}"


@dataclass(frozen=True)
class Wanted:
    """Which dead letters: of one event or of all, and how many, the oldest first."""

    event: str | None = None
    limit: int = 20


@dataclass(frozen=True)
class Seen:
    """All that the page shows of a service.

    Attributes:
        letters: the dead letters that were asked for.
        events: of the letters that wait, how many by event.
    """

    subject: Subject
    wanted: Wanted
    at: datetime
    standing: Standing
    letters: Sequence[Stored]
    events: Mapping[str, int]
    panels: Sequence[Panel]
    problems: Sequence[Problem]


def look(
    subject: Subject,
    wanted: Wanted,
    *,
    ask: Callable[[str], tuple[Queue, ...] | None] = queues.ask,
) -> Seen:
    """See everything that answers; what does not is a problem, never an error."""
    asked = ask(subject.service)
    try:
        schema = migrate.schema(subject.service)
        if not schema.current:
            return _seen(subject, wanted, Standing(schema.applied, False, None, asked))
        with db.transaction(subject.service) as session:
            events = dead_letters.count_by_event(session)
            letters = dead_letters.oldest(session, wanted.limit, event=wanted.event)
            waiting = outbox.backlog(session)
            lately, last = inbox.heard(session, LATELY)
        panels = subject.panels()
    except Unavailable:
        return _seen(subject, wanted, Standing(None, False, None, asked))
    held = Held(
        due=waiting.due,
        delayed=waiting.delayed,
        refused=waiting.refused,
        oldest=timedelta(seconds=waiting.oldest_seconds),
        letters=sum(events.values()),
        heard_lately=lately,
        heard_last=last,
    )
    standing = Standing(schema.applied, True, held, asked, _not_ready(subject.ready))
    return _seen(subject, wanted, standing, letters, events, panels)


def _not_ready(checks: Ready) -> str | None:
    try:
        for check in checks:
            check()
    except HubError as error:
        return error.message
    return None


def _seen(
    subject: Subject,
    wanted: Wanted,
    standing: Standing,
    letters: Sequence[Stored] = (),
    events: Mapping[str, int] = MappingProxyType({}),
    panels: Sequence[Panel] = (),
) -> Seen:
    problems = [*judge(standing), *(problem for panel in panels for problem in panel.problems)]
    return Seen(subject, wanted, datetime.now(UTC), standing, letters, events, panels, worst_first(problems))

"""How an instance comes in, whichever door it uses: kept whole or put aside, recorded with its study, and said.

A sender is told of success after the commit: the file is on disk before it (`files`); the row, the study's next step,
the event and the audit record commit together.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from prometheus_client import Counter

from services.imaging import completion, fhir, files, store
from services.imaging.dicom import header
from services.imaging.dicom.whole import NotTaken, same_data_set
from services.imaging.domain.instance import Failure, Instance, Reference, Refused, Stored
from services.imaging.domain.study import Issuers, Study
from services.imaging.files import Keeping, Spooled
from services.imaging.settings import Settings
from shared import audit, outbox, sittings
from shared.errors import Unavailable
from shared.fhir import codes
from shared.security import Principal
from shared.telemetry import bound, log

INSTANCES: Final = Counter("hub_imaging_instances", "Instances that came, by what became of them", ["outcome"])
BYTES: Final = Counter("hub_imaging_stored_bytes", "Bytes of new instances")

SAID_EVERY: Final = timedelta(seconds=5)
"""How often the arrival of one study is said at most; what comes between is said together."""

REMEMBERED_S: Final = 60.0
"""How long a process need not look up what it saw on record; far below the length of a sitting."""

MOST_REMEMBERED: Final = 10_000

Outcome = Stored | Failure


class Noted:
    """What is on record already of what one sender brings: that it brings a study, and what its series are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def __contains__(self, what: str) -> bool:
        return self._until.get(what, 0.0) > self._clock()

    def add(self, seen: Iterable[str]) -> None:
        """It is on record now; seen again it is not remembered for longer, so that a new sitting is noticed."""
        if len(self._until) > MOST_REMEMBERED:
            self._until.clear()
        until = self._clock() + REMEMBERED_S
        self._until.update((what, until) for what in seen if what not in self)


@dataclass(frozen=True)
class Sender:
    """Who brings files, and what need not be put on record again."""

    who: Principal
    noted: Noted = field(default_factory=Noted)


@dataclass(frozen=True)
class Arrival:
    """A file that is kept, or about to be, and not recorded yet.

    Attributes:
        kept: returns once the file is kept; the commit waits for it, so that disk and database work side by side.
    """

    instance: Instance
    sender: Sender
    kept: Callable[[], None] = lambda: None


def take(
    part: Spooled,
    chosen: Settings,
    sender: Sender,
    keeping: Keeping,
    *,
    study: str | None = None,
    named: Reference | None = None,
) -> Arrival | Refused:
    """Put one file where it belongs: begin to keep it under its content, or put it aside.

    Args:
        study: that the sender says it belongs to.
        named: SOP class and instance that the sender says it is.

    Raises:
        Unavailable: the disk is full or away, or the database.
    """
    try:
        instance = header.parse(part.path, part.digest, part.size)
    except NotTaken as error:
        return _put_aside(part, Refused(error.reason), None, chosen)
    if study is not None and instance.study != study:
        return _put_aside(part, Refused(Failure.OTHER_STUDY, instance.sop_class, instance.uid), instance.study, chosen)
    if named is not None and named != (instance.sop_class, instance.uid):
        return _put_aside(part, Refused(Failure.OTHER_OBJECT, instance.sop_class, instance.uid), instance.study, chosen)
    return Arrival(instance, sender, keeping.begin(chosen.store_dir, part))


def _put_aside(part: Spooled, refused: Refused, study: str | None, chosen: Settings) -> Refused:
    files.sync(part)
    files.quarantine(chosen.store_dir, part.digest, part.path)
    with store.transaction() as session:
        store.quarantine(session, part.digest, part.size, refused.reason, study=study, instance=refused.uid or None)
    INSTANCES.labels(str(refused.reason)).inc()
    log.warning("file_quarantined", reason=refused.reason, digest=part.digest)
    return refused


def commit(arrivals: Sequence[Arrival], chosen: Settings) -> list[Outcome]:
    """Record all in one transaction; what became of each, in order, once it is committed.

    Raises:
        Unavailable: the database or the disk is away; nothing is recorded.
    """
    outcomes: dict[int, Outcome] = {}
    with store.transaction() as session:
        studies, known = store.take_in(session, [arrival.instance for arrival in arrivals])
        if any(digest != arrival.instance.digest for arrival, (_, digest) in zip(arrivals, known, strict=True)):
            for arrival in arrivals:  # two of them may be compared: both must lie in their places
                arrival.kept()
        for study in studies.values():
            places = [place for place, arrival in enumerate(arrivals) if arrival.instance.study == study.uid]
            told = [(arrivals[place], known[place]) for place in places]
            with bound(correlation=codes.correlation_of(study.uid)):
                outcomes |= zip(places, _record(session, study, told, chosen), strict=True)
        for arrival in arrivals:
            arrival.kept()
    for place, outcome in outcomes.items():
        INSTANCES.labels(str(outcome)).inc()
        BYTES.inc(arrivals[place].instance.size if outcome is Stored.NEW else 0)
        arrivals[place].sender.noted.add(_on_record(arrivals[place].instance, outcome))
    return [outcomes[place] for place in range(len(arrivals))]


def commit_each(groups: Sequence[Sequence[Arrival]], chosen: Settings) -> list[list[Outcome] | Exception]:
    """As `commit`, but for senders who know nothing of each other: no one fails for another's fault."""
    try:
        outcomes = iter(commit([arrival for group in groups for arrival in group], chosen))
        return [[next(outcomes) for _ in group] for group in groups]
    except Exception as error:  # noqa: BLE001 (it is told to whom it concerns)
        if len(groups) == 1 or isinstance(error, Unavailable):
            return [error] * len(groups)
        return [answered for one in groups for answered in commit_each([one], chosen)]


def say_waiting(session: store.Session, study: Study, now: datetime, chosen: Settings) -> None:
    """Say what came to a locked study since its arrival was said, when the time is there."""
    if study.say_at is not None and study.say_at <= now:
        _say(session, study, now, chosen)


def _series(instance: Instance) -> str:
    return f"{instance.study} {instance.series}"


def _on_record(instance: Instance, outcome: Outcome) -> set[str]:
    """Of what it is on record that this sender brings it: the study; the series too, where the instance is of it."""
    of_series = {_series(instance)} if outcome in {Stored.NEW, Stored.DUPLICATE} else set()
    return {instance.study} | of_series


def _record(
    session: store.Session, study: Study, told: Sequence[tuple[Arrival, store.Known]], chosen: Settings
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    others: dict[str, Outcome] = {}
    for arrival, (outcome, digest) in told:
        own = arrival.instance.digest
        if own != digest and own not in others:  # one file, though it may come several times at once
            others[own] = _settle_other(session, arrival.instance, outcome, digest, chosen)
        outcomes.append(outcome if own == digest else others[own])
    new = [arrival for (arrival, _), outcome in zip(told, outcomes, strict=True) if outcome is Stored.NEW]
    if new:
        store.note(session, [each.instance for each in new if _series(each.instance) not in each.sender.noted])
        now = study.asked_at
        named = {(arrival.instance.patient_id, arrival.instance.issuer) for arrival in new}
        study = replace(
            study,
            present=study.present + len(new),
            pictured=study.pictured | named,
            test_subject=study.test_subject or any(arrival.instance.test_subject for arrival in new),
            last_instance_at=now,
        )
        completion.step(session, study, now, chosen)
        _say_in_time(session, study, now, chosen)
    for who in {arrival.sender.who for arrival, _ in told if study.uid not in arrival.sender.noted}:
        _note_sender(session, study.uid, who)
    return outcomes


def _settle_other(
    session: store.Session, instance: Instance, outcome: Outcome, digest: str, chosen: Settings
) -> Outcome:
    """What becomes of a file when another one, of this digest, counts for its UID."""
    kept = files.path_of(chosen.store_dir, instance.digest)
    if outcome is Failure.CONFLICT:
        if not same_data_set(kept, files.find(chosen.store_dir, digest)):
            files.quarantine(chosen.store_dir, instance.digest)
            _remember_conflict(session, instance)
            return outcome
        outcome = Stored.DUPLICATE
    files.drop(chosen.store_dir, instance.digest)
    return outcome


def _remember_conflict(session: store.Session, instance: Instance) -> None:
    known = {"study": instance.study, "instance": instance.uid}
    store.quarantine(session, instance.digest, instance.size, Failure.CONFLICT, **known)


def _say_in_time(session: store.Session, study: Study, now: datetime, chosen: Settings) -> None:
    if study.said_at is None or now >= study.said_at + SAID_EVERY:
        _say(session, study, now, chosen)
    elif study.say_at is None and not study.is_only_prior():
        at = study.said_at + SAID_EVERY
        store.say_later(session, study.uid, at)
        number = str(uuid5(NAMESPACE_OID, f"{study.uid}|say|{at.isoformat()}"))
        outbox.add(session, fhir.quiet_period_ended(study, _issuers(chosen), number), due_at=at)


def _say(session: store.Session, study: Study, now: datetime, chosen: Settings) -> None:
    if study.is_only_prior():
        return
    outbox.add(session, fhir.instances_stored(study, _issuers(chosen), store.count_series(session, study.uid)))
    store.mark_said(session, study.uid, study.present, now)


def _issuers(chosen: Settings) -> Issuers:
    return Issuers(chosen.issuers, chosen.default_issuer)


def _note_sender(session: store.Session, uid: str, who: Principal) -> None:
    """Who brought pixels of a study: once a sitting."""
    if sittings.begin(session, who, [f"store {uid}"]):
        entity = audit.Entity(identifier=codes.study_identifier(uid))
        event = audit.audit_event(service="imaging", who=who, kind="dicom-store", action="C", entities=[entity])
        audit.record(session, event, service="imaging", correlation=codes.correlation_of(uid))

"""What was stored becomes events, in the transaction that stored it.

Whatever a model may be asked about travels with the patient's Consents: no order between events is promised, and nobody
may be analysed because the event about the Consent is still on its way.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson

from services.gateway import store
from services.gateway.domain.changes import FROM_HOSPITAL, meaning
from services.gateway.domain.draft import patient_of
from services.gateway.fhir.messages import said
from services.gateway.store import Saved, Session
from shared import outbox
from shared.events import Event
from shared.fhir.consent import period_of
from shared.fhir.message import Message

ANALYSED: Final = frozenset({"ServiceRequest", "ImagingStudy", "Observation", "Condition"})
"""Types that lead to questions to a model."""

MOST_CONSENTS: Final = 20
"""Of one patient, the newest first, that travel along."""

CLOCKS: Final = timedelta(seconds=2)
"""By which the databases' clocks may differ."""


def say_changes(session: Session, announced: Event | None, saved: Sequence[Saved]) -> None:
    """Say what `changes` finds, and what `say_turns` does."""
    outbox.add_all(session, changes(session, announced, saved))
    say_turns(session, saved)


def say_turns(session: Session, saved: Sequence[Saved]) -> None:
    """Say a Consent once more when its period begins and when it ends: then others have to look again."""
    for one in saved:
        if one.changed and one.draft.type == "Consent":
            for at in period_of(one.draft.resource.get("provision") or {}):
                if at and at > one.last_updated:
                    outbox.add(session, said(Event.RESOURCE_CHANGED, [one.body]), due_at=at + CLOCKS)


def changes(session: Session, announced: Event | None, saved: Sequence[Saved]) -> list[Message]:
    """Each change once: in an event of its own, unless another event of the same bundle carries it.

    Args:
        announced: what the hospital's message is about; said even if it brings nothing new, since a study can be
            announced again.
    """
    here = {f"{one.draft.type}/{one.draft.id}": one.body for one in saved}
    told: set[str] = set()
    known: dict[str, list[bytes]] = {}
    made: list[Message] = []
    for event, one in _ordered(announced, saved):
        name = f"{one.draft.type}/{one.draft.id}"
        if event is Event.RESOURCE_CHANGED and name in told:
            continue
        others = _beside(session, one, here) if event is not Event.RESOURCE_CHANGED else {}
        made.append(said(event, [one.body], [*others.values(), *_consents(session, one, known)]))
        told |= {name, *others}
    return made


def _ordered(announced: Event | None, saved: Sequence[Saved]) -> list[tuple[Event, Saved]]:
    """Orders before studies, and last what nothing else carries."""
    found: list[tuple[Event, Saved]] = []
    for one in saved:
        before = one.before.resource.get("status") if one.before else None
        event = meaning(one.draft.resource, before) if one.changed else Event.RESOURCE_CHANGED
        if announced is Event.STUDY_AVAILABLE and one.draft.type == FROM_HOSPITAL[announced]:
            event = announced
        if one.changed or event is announced:
            found.append((event, one))
    rank = [Event.ORDER_PLACED, Event.ORDER_REVOKED, Event.STUDY_AVAILABLE, Event.RESOURCE_CHANGED]
    return sorted(found, key=lambda pair: rank.index(pair[0]))


def _beside(session: Session, one: Saved, here: dict[str, bytes]) -> dict[str, bytes]:
    """What a listener must know too: the patient, the order of a study, and who asked for it."""
    beside: dict[str, bytes] = {}
    wanted = _named(one.draft.resource, "subject", "basedOn", "requester")
    while wanted:
        name = wanted.pop(0)
        kind, _, number = name.partition("/")
        if name in beside or kind not in {"Patient", "ServiceRequest", "Practitioner"}:
            continue
        stored = None if name in here else store.find(session, kind, number)
        body = here.get(name) or (stored.body if stored else None)
        if body:
            beside[name] = body
            wanted += _named(orjson.loads(body), "requester") if kind == "ServiceRequest" else []
    return beside


def _consents(session: Session, one: Saved, known: dict[str, list[bytes]]) -> list[bytes]:
    """The patient's Consents; `known` keeps them for the next resource of the same patient."""
    patient = patient_of(one.draft.resource) if one.draft.type in ANALYSED else None
    if patient is None:
        return []
    if patient not in known:
        known[patient] = [given.body for given in store.find_of_patient(session, "Consent", patient, MOST_CONSENTS)]
    return known[patient]


def _named(resource: dict[str, Any], *elements: str) -> list[str]:
    references: list[str] = []
    for element in elements:
        listed = resource.get(element) or []
        each = listed if isinstance(listed, list) else [listed]
        references += [one["reference"] for one in each if one.get("reference")]
    return references

"""Messages of hospitals taken in together: one commit for those that come at the same time, and each its own fate.

What can be refused is refused alone: when a group fails, each of it is tried by itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter

from services.gateway import store
from services.gateway.api.audited import note_write
from services.gateway.api.saying import changes, say_turns
from services.gateway.domain.together import Names, groups, names_of
from services.gateway.fhir import messages
from services.gateway.fhir.messages import Announcement
from services.gateway.store import Answer, Claim, Saved, Session
from shared import outbox
from shared.errors import HubError, InvalidResource, Unavailable
from shared.security import Principal

MESSAGES: Final = Counter("hub_gateway_messages", "Messages of hospitals, by what became of them", ["event", "outcome"])
STORED: Final = Counter("hub_gateway_resources_stored", "Resource versions written", ["type"])


@dataclass(frozen=True)
class Sent:
    """A message as it came.

    Attributes:
        key: the Idempotency-Key, if it came with one.
        request_id: the correlation of what the request starts.
    """

    who: Principal
    body: bytes
    key: str | None
    request_id: str


@dataclass(frozen=True)
class _Read:
    sent: Sent
    said: Announcement
    claims: list[Claim]
    names: Names


def accept(sent: Sequence[Sent]) -> list[Answer | Exception]:
    """The answer to each message, or why it has none; an answer is given once what it says is committed."""
    given = [_read(one) for one in sent]
    read = [(place, one) for place, one in enumerate(given) if isinstance(one, _Read)]
    answers: dict[int, Answer | Exception] = {
        place: one for place, one in enumerate(given) if isinstance(one, Exception)
    }
    for group in groups([one.names for _, one in read]):
        places = [read[member][0] for member in group]
        answers |= zip(places, _accept_group([read[member][1] for member in group]), strict=True)
    return [answers[place] for place in range(len(sent))]


def _read(sent: Sent) -> _Read | Exception:
    try:
        said = messages.announcement_from(sent.body)
        client, digest = sent.who.subject, hashlib.sha256(sent.body).digest()
        planned = Answer(200, messages.answer_to(said, client))
        keys = [f"message {said.id}", *([f"key {sent.key}"] if sent.key else [])]
        claims = [Claim(client, key, digest, planned) for key in keys]
        return _Read(sent, said, claims, names_of(said.drafts, own=[claim.at for claim in claims]))
    except Exception as error:  # noqa: BLE001 (it is raised where the message came in)
        MESSAGES.labels("unknown", "refused" if isinstance(error, HubError) else "failed").inc()
        return error


def _accept_group(group: Sequence[_Read]) -> list[Answer | Exception]:
    try:
        with store.transaction() as session:
            taken = _take_in(session, group)
    except Exception as error:  # noqa: BLE001 (it is raised where the messages came in)
        if len(group) == 1 or isinstance(error, Unavailable):
            for one in group:
                MESSAGES.labels(one.said.event, "refused" if isinstance(error, InvalidResource) else "failed").inc()
            return [error] * len(group)
        return [accept([one.sent])[0] for one in group]
    for one, (_, saved) in zip(group, taken, strict=True):
        MESSAGES.labels(one.said.event, "accepted" if saved is not None else "repeated").inc()
        for each in saved or []:
            if each.changed:
                STORED.labels(each.draft.type).inc()
    return [answer for answer, _ in taken]


def _take_in(session: Session, group: Sequence[_Read]) -> list[tuple[Answer, list[Saved] | None]]:
    """The answer to each, and what was stored; None when the same was answered before."""
    given = store.claim_answers(session, [claim for one in group for claim in one.claims])
    earlier = [next((given[at] for claim in one.claims if (at := claim.at) in given), None) for one in group]
    new = [one for one, answer in zip(group, earlier, strict=True) if answer is None]
    saved = store.take_in_group(session, [one.said.drafts for one in new])
    outbox.add_all(
        session,
        [message for one, each in zip(new, saved, strict=True) for message in changes(session, one.said.event, each)],
    )
    say_turns(session, [each for one in saved for each in one])
    for one in new:
        note_write(session, one.sent.who, "E", "MessageHeader", one.sent.request_id)
    stored = iter(saved)
    return [
        (answer, None) if answer else (one.claims[0].planned, next(stored))
        for one, answer in zip(group, earlier, strict=True)
    ]

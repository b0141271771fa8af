"""Answers already given: the same message or Idempotency-Key again gets the same answer, and nothing happens twice."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.gateway.store.tables import ANSWER
from shared.errors import Conflict


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with a FHIR body, and the version that it carries, if it carries one."""

    status: int
    body: bytes
    location: str | None = None
    version: int | None = None
    modified: datetime | None = None


def claim_answer(session: Session, client: str, key: str, digest: bytes, planned: Answer) -> Answer | None:
    """None when this transaction is the first with the key; the answer given then, when it is not.

    Two at the same time: the second waits for the first to commit or roll back.

    Args:
        digest: of the body that was sent.
        planned: what will be answered if all goes well.

    Raises:
        Conflict: the key came with another body before.
    """
    row = insert(ANSWER).values(
        client=client,
        key=key,
        digest=digest,
        status=planned.status,
        location=planned.location,
        body=planned.body,
        version=planned.version,
        modified=planned.modified,
    )
    if session.execute(row.on_conflict_do_nothing().returning(ANSWER.c.key)).first():
        return None
    given = session.execute(select(ANSWER).where(ANSWER.c.client == client, ANSWER.c.key == key)).one()
    if given.digest != digest:
        raise Conflict(
            "This id or Idempotency-Key came before, with other content",
            fix="Use a new one for new content; send the very same body to repeat.",
        )
    return Answer(given.status, given.body, given.location, given.version, given.modified)


def give_answer(session: Session, client: str, key: str, answer: Answer) -> None:
    """Keep the answer that was given in the end."""
    session.execute(
        update(ANSWER)
        .where(ANSWER.c.client == client, ANSWER.c.key == key)
        .values(
            status=answer.status,
            location=answer.location,
            body=answer.body,
            version=answer.version,
            modified=answer.modified,
        )
    )

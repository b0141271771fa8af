"""Answers already given: the same message or Idempotency-Key again gets the same answer, and nothing happens twice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

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


_CLAIM: Final = insert(ANSWER).on_conflict_do_nothing().returning(ANSWER.c.key)


def claim_answer(session: Session, client: str, key: str, digest: bytes, planned: Answer) -> Answer | None:
    """None when this transaction is the first with the key; the answer given then, when it is not.

    Two at the same time: the second waits for the first to commit or roll back.

    Args:
        digest: of the body that was sent.
        planned: what will be answered if all goes well.

    Raises:
        Conflict: the key came with another body before.
    """
    row = {"client": client, "key": key, "digest": digest, **_kept(planned)}
    if session.connection().execute(_CLAIM, row).first():
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
    session.execute(update(ANSWER).where(ANSWER.c.client == client, ANSWER.c.key == key).values(**_kept(answer)))


def _kept(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in Answer.__dataclass_fields__}

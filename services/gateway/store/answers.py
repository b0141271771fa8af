"""Answers already given: the same message or Idempotency-Key again gets the same answer, and nothing happens twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.gateway.store.rows import insert_given, parameter
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


@dataclass(frozen=True)
class Claim:
    """A wish to answer once.

    Attributes:
        key: by which the sender's message or request is known when it comes again.
        digest: of the body that was sent.
        planned: what will be answered if all goes well.
    """

    client: str
    key: str
    digest: bytes
    planned: Answer

    @property
    def at(self) -> tuple[str, str]:
        """Under which it is kept."""
        return self.client, self.key


_GIVEN_NOW: Final = [one for one in ANSWER.c if one.name != "given_at"]
_CLAIM: Final = (
    insert_given(*_GIVEN_NOW, in_order_of=[ANSWER.c.client, ANSWER.c.key])
    .on_conflict_do_nothing()
    .returning(ANSWER.c.client, ANSWER.c.key)
)


def claim_answer(session: Session, claim: Claim) -> Answer | None:
    """None when this transaction is the first with the key; the answer given then, when it is not.

    Two at the same time: the second waits for the first to commit or roll back.

    Raises:
        Conflict: the key came with another body before.
    """
    return claim_answers(session, [claim]).get(claim.at)


def claim_answers(session: Session, claims: Sequence[Claim]) -> dict[tuple[str, str], Answer]:
    """The answers given before, by client and key; raises what `claim_answer` does."""
    rows = [{"client": one.client, "key": one.key, "digest": one.digest, **_kept(one.planned)} for one in claims]
    first = {tuple(row) for row in session.connection().execute(_CLAIM, parameter(rows))}
    return {one.at: _given(session, one) for one in claims if one.at not in first}


def _given(session: Session, claim: Claim) -> Answer:
    query = select(ANSWER).where(ANSWER.c.client == claim.client, ANSWER.c.key == claim.key)
    given = session.execute(query).one()
    if given.digest != claim.digest:
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

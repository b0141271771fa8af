"""What the models answered, and how many studies stand where."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.store.tables import ANALYSIS, STUDY


@dataclass(frozen=True)
class Answer:
    """One answer of one version of a model about one study.

    Attributes:
        digest: SHA-256 of the model's weights.
        outcome: flagged, not-flagged, or the reason of a refusal.
        instance: SOP Instance UID of the picture that counts.
        heat_map: SOP Instance UID of the derived picture.
    """

    id: str
    study: str
    model: str
    version: str
    digest: str
    outcome: str
    instance: str | None = None
    heat_map: str | None = None
    probability: float | None = None
    threshold: float | None = None


def save_answer(session: Session, given: Answer) -> bool:
    """Keep an answer; False when this version has answered about this study before."""
    row = insert(ANALYSIS).values(**vars(given)).on_conflict_do_nothing(constraint="analysis_once")
    return session.execute(row.returning(ANALYSIS.c.id)).one_or_none() is not None


def count_studies(session: Session) -> dict[str, int]:
    """How many studies stand in each state."""
    query = select(STUDY.c.state, func.count().label("studies")).group_by(STUDY.c.state).order_by(STUDY.c.state)
    return {row.state: row.studies for row in session.execute(query)}

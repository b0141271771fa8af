"""What the models answered, to readers and in the shadow, and how many studies stand where."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.study import State
from services.imaging.store.tables import ANALYSIS, SHADOW_ANSWER, STUDY


@dataclass(frozen=True)
class Answer:
    """One answer of one version of a model about one study.

    Attributes:
        digest: SHA-256 of the model's weights.
        outcome: flagged, not-flagged, or the reason of a refusal.
        instance: SOP Instance UID of the picture that counts.
        heat_map: SOP Instance UID of the derived picture.
        scores: probability of each of the model's categories.
        measure: of a segmentation.
        mask: digest of the stored array, see `files.write_mask`.
        region: the strongest evidence, in fractions of the picture, see `domain.reading.Region`.
        frame: of the picture that counts, from 1.
        coverage: how much of the study was read, see `domain.reading.Coverage`; None in answers of before it was kept.
        extent: of a volume, see `domain.reading.Extent`.
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
    scores: list[float] | None = None
    measure: float | None = None
    mask: str | None = None
    region: list[float] | None = None
    frame: int = 1
    coverage: list[int] | None = None
    extent: dict[str, Any] | None = None


_SAVED = (
    insert(ANALYSIS)
    .values({field.name: bindparam(f"its_{field.name}") for field in fields(Answer)})
    .on_conflict_do_nothing(constraint="analysis_once")
    .returning(ANALYSIS.c.study)
    .cte("saved")
)
_SAVE = (
    update(STUDY)
    .values(state=str(State.ANSWERED), hold=None)
    .where(STUDY.c.uid == _SAVED.c.study)
    .returning(STUDY.c.uid)
    .add_cte(_SAVED)
)
"""Answer and state in one statement, built once."""


def save_answer(session: Session, given: Answer) -> bool:
    """Keep an answer about a locked study, which is answered now; False when this version has answered before."""
    return (
        session.execute(_SAVE, {f"its_{name}": value for name, value in vars(given).items()}).one_or_none() is not None
    )


Answered = dict[tuple[str, str, str], tuple[int, datetime]]
"""Model, version and outcome → how many answers lately, and when the last one ever was given."""


def answers_lately(session: Session, within: timedelta) -> Answered:
    """What every version of every model said."""
    kind = (ANALYSIS.c.model, ANALYSIS.c.version, ANALYSIS.c.outcome)
    lately = func.count().filter(ANALYSIS.c.made_at > func.now() - within)
    query = select(*kind, lately, func.max(ANALYSIS.c.made_at)).group_by(*kind).order_by(*kind)
    return {(model, version, outcome): (count, last) for model, version, outcome, count, last in session.execute(query)}


def find_answer(session: Session, study: str) -> tuple[Answer, datetime] | None:
    """What was answered about a study to its readers, and when; None where nothing was yet."""
    columns = [ANALYSIS.c[field.name] for field in fields(Answer)]
    query = select(*columns, ANALYSIS.c.made_at).where(ANALYSIS.c.study == study)
    row = session.execute(query.order_by(ANALYSIS.c.made_at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    kept = row._asdict()
    made_at: datetime = kept.pop("made_at")
    return Answer(**kept), made_at


def save_shadow(session: Session, given: Answer) -> None:
    """Keep what a shadow model would have said; no reader sees it, and it changes no study."""
    kept = {name: value for name, value in vars(given).items() if name in SHADOW_ANSWER.c and name != "id"}
    session.execute(insert(SHADOW_ANSWER).values(kept).on_conflict_do_nothing(constraint="shadow_answer_once"))


def count_studies(session: Session) -> dict[str, int]:
    """How many studies stand in each state."""
    query = select(STUDY.c.state, func.count().label("studies")).group_by(STUDY.c.state).order_by(STUDY.c.state)
    return {row.state: row.studies for row in session.execute(query)}

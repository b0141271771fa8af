"""What prediction said last of each patient by each method."""

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.results_sharing.domain.risk import Risk
from services.results_sharing.store.tables import RISKS

_RISK = TypeAdapter(Risk)
MOST = 50
"""Methods of one patient that are shown; there are three."""


def take_risk(session: Session, risk: Risk) -> None:
    """Keep it, unless something said later is here already."""
    row = insert(RISKS).values(
        patient=risk.patient, method=risk.method, at=risk.at, facts=_RISK.dump_python(risk, mode="json")
    )
    newer = row.on_conflict_do_update(
        index_elements=[RISKS.c.patient, RISKS.c.method],
        set_={"at": row.excluded.at, "facts": row.excluded.facts},
        where=row.excluded.at > RISKS.c.at,
    )
    session.execute(newer)


def risks_of(session: Session, patient: str | None) -> list[Risk]:
    """What stands of a patient, by method."""
    if patient is None:
        return []
    query = select(RISKS.c.facts).where(RISKS.c.patient == patient).order_by(RISKS.c.method).limit(MOST)
    return [_RISK.validate_python(facts) for facts in session.execute(query).scalars()]

"""Signed reports: every version stays as it was signed; the table refuses a change."""

from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from services.results_sharing.domain.report import Signer, Status, Version
from services.results_sharing.store.tables import REPORTS
from shared.errors import NotFound


def add_report(session: Session, version: Version, provenance: dict[str, Any], seconds_to_sign: float | None) -> None:
    """Keep a version for good.

    Args:
        seconds_to_sign: from the reader's first look to the signature; None for later versions.
    """
    row = insert(REPORTS).values(
        case_id=version.case_id,
        number=version.number,
        status=str(version.status),
        text=version.text,
        account=version.signer.account,
        name=version.signer.name,
        practitioner=version.signer.practitioner,
        signed_at=version.signed_at,
        ai_report=version.ai_report,
        canonical=version.canonical,
        sha256=version.sha256,
        provenance=provenance,
        seconds_to_sign=seconds_to_sign,
        risks=list(version.risks),
    )
    session.execute(row)


def reports_of(session: Session, case_id: str, limit: int = 100) -> list[Version]:
    """All versions of a case's report, the newest first."""
    query = select(REPORTS).where(REPORTS.c.case_id == case_id).order_by(REPORTS.c.number.desc()).limit(limit)
    return [_version(row) for row in session.execute(query)]


def current_report(session: Session, case_id: str) -> Version:
    """The version that counts.

    Raises:
        NotFound: nobody has signed yet.
    """
    found = reports_of(session, case_id, limit=1)
    if not found:
        raise NotFound("This case has no signed report", fix="Sign it first.")
    return found[0]


def _version(row: Row[Any]) -> Version:
    return Version(
        case_id=row.case_id,
        number=row.number,
        status=Status(row.status),
        text=row.text,
        signer=Signer(row.account, row.name, row.practitioner),
        signed_at=row.signed_at,
        ai_report=row.ai_report,
        canonical=row.canonical,
        sha256=row.sha256,
        risks=tuple(row.risks),
    )

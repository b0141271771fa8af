"""A patient's acts on their own data, each one transaction: see what is released, want the rest sooner, see who looked.

What they see is recorded before it goes out, like everybody's looks.
"""

from dataclasses import dataclass
from datetime import datetime

from services.results_sharing import store
from services.results_sharing.domain import release
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.looks import MY_RESULTS, WANTED_SOONER, Look
from services.results_sharing.domain.report import Status
from services.results_sharing.reading.sitting import entities, now, record
from services.results_sharing.store import Session, Signed, transaction
from shared import sittings
from shared.audit import Entity
from shared.errors import Forbidden, NotFound
from shared.security import Principal, Role


@dataclass(frozen=True)
class Result:
    """A signed report as its patient may see it.

    Attributes:
        exam: what was examined, in the hospital's words; `modality` as DICOM codes it.
        taken: FHIR dateTime.
        signed_at: of the current version.
        text: the signed words; None while they are held, and of a report that was entered in error.
        until: the appointment at which it is told; None once it is released.
        program: a model's answer was there when it was signed.
    """

    case_id: str
    exam: str | None
    modality: str | None
    taken: str | None
    status: Status
    signer: str
    signed_at: datetime
    text: str | None
    until: datetime | None
    wished_at: datetime | None
    program: bool


def my_results(who: Principal, looks: int) -> tuple[list[Result], list[Look]]:
    """What a patient may see of their own reports, and the newest of who looked at their data."""
    mine = own_id(who)
    with transaction() as session:
        signed = store.signed_of(session, mine)
        at = now()
        found = [_result(one, at) for one in signed]
        _note(session, who, mine, [one.case for one, made in zip(signed, found, strict=True) if made.text is not None])
        return found, store.looks_of(session, mine, looks)


def who_looked(who: Principal, limit: int, before: int | None = None) -> list[Look]:
    """More of who looked at the patient's data.

    Args:
        before: number of the last record on the page before.
    """
    mine = own_id(who)
    with transaction() as session:
        _note(session, who, mine, [])
        return store.looks_of(session, mine, limit, before)


def want_sooner(who: Principal, case_id: str) -> None:
    """Say that the patient wants a held result before the appointment; radiologists see it with the case.

    Raises:
        NotFound: it is none of theirs.
        Conflict: it can be read already.
    """
    mine = own_id(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        if case.patient_id != mine or not case.signed:
            raise NotFound("There is no such result of yours", fix="Go back to your page.")
        held = store.hold_of(session, case_id)
        asked = release.wished(held, now())
        if asked != held:
            store.save_hold(session, case_id, asked)
            record(session, who, "rest", "U", entities(case), detail=WANTED_SOONER)


def own_id(who: Principal) -> str:
    """The hub's id of the patient who is signed in.

    Raises:
        Forbidden: it is somebody else.
    """
    kind, _, number = (who.fhir_user or "").partition("/")
    if who.role is not Role.PATIENT or kind != "Patient" or not number:
        raise Forbidden("This page is for patients", fix="Sign in as a patient.")
    return number


def _result(signed: Signed, at: datetime) -> Result:
    case, version, hold = signed.case, signed.version, signed.hold
    shown = release.shows(version.status, hold, at)
    readable = shown and version.status is not Status.ENTERED_IN_ERROR
    study = case.study
    return Result(
        case_id=case.id,
        exam=(study.description if study else None) or (case.order.code if case.order else None),
        modality=study.modality if study else None,
        taken=study.started if study else None,
        status=version.status,
        signer=version.signer.name,
        signed_at=version.signed_at,
        text=version.text if readable else None,
        until=hold.until if hold and not shown else None,
        wished_at=hold.wished_at if hold else None,
        program=case.answer is not None and case.answer.flagged is not None,
    )


def _note(session: Session, who: Principal, patient_id: str, shown: list[Case]) -> None:
    """Record the page once a sitting, and each report once."""
    began = sittings.begin(session, who, ["me", *(case.id for case in shown)])
    new = [case for case in shown if case.id in began]
    if began:
        about = [Entity(reference=f"Patient/{patient_id}")]
        about += [entity for case in new for entity in entities(case) if entity.identifier]
        record(session, who, "rest", "R", about, detail=MY_RESULTS)

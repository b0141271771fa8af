"""Whether a study can be read: decided under the lock of its row, and said in the same transaction.

Both doors end here, the announcement's and the pixels', in whichever order they open.
"""

from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from services.imaging import fhir, store
from services.imaging.domain.study import Await, Complete, Issuers, Limits, State, Study, Wait, decide
from services.imaging.settings import Settings
from shared import outbox
from shared.telemetry import log


def advance(session: store.Session, uid: str, now: datetime, settings: Settings) -> Study:
    """Take a study's next step.

    Returns:
        The study as it stood, locked, before the step.
    """
    study = store.lock(session, uid)
    step(session, study, now, settings)
    return study


def step(session: store.Session, study: Study, now: datetime, settings: Settings) -> None:
    """Take the next step of a study that is locked and stands as given."""
    issuers = Issuers(settings.issuers, settings.default_issuer)
    decided = decide(study, issuers, Limits(settings.quiet_period, settings.patience), now)
    match decided:
        case Complete():
            log.info("study_advanced", step="complete", state=study.state)
            store.mark(session, study.uid, State.COMPLETE)
            outbox.add(session, fhir.study_completed(study, issuers))
        case Await(reason):
            log.info("study_advanced", step="await", state=study.state)
            store.hold(session, study.uid, reason)
            outbox.add(session, fhir.study_held(study, issuers, reason))
        case Wait(until):
            _look_again(session, study, issuers, until, now)


def _look_again(session: store.Session, study: Study, issuers: Issuers, until: datetime, now: datetime) -> None:
    """A delay is a row; one that comes no later than needed is enough, and looks further from there."""
    if study.look_at is not None and now < study.look_at <= until:
        return
    log.info("study_advanced", step="wait", state=study.state)
    store.arm(session, study.uid, until)
    number = str(uuid5(NAMESPACE_OID, f"{study.uid}|look|{until.isoformat()}"))
    outbox.add(session, fhir.quiet_period_ended(study, issuers, number), due_at=until)

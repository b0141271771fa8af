"""A file in quarantine comes in after all, or goes for good: one person decides, and the audit keeps it."""

from services.imaging import arrivals, files, store
from services.imaging.arrivals import Arrival, Sender
from services.imaging.dicom import header
from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.instance import Failure, Stored
from services.imaging.files import Spooled
from services.imaging.settings import Settings
from services.imaging.store import PutAside
from shared import audit
from shared.errors import Conflict, NotFound
from shared.fhir import codes
from shared.security import Principal
from shared.telemetry import log


def release(number: int, who: Principal, chosen: Settings) -> Stored:
    """Take a file in as if it came now: what stood against it may be gone, as after an upgrade.

    Raises:
        NotFound: no such file.
        Conflict: decided about before; or what stood against it still does, and it stays.
    """
    with store.transaction() as session:
        found = store.find_put_aside(session, number, lock=True)
        places = (files.quarantined(chosen.store_dir, found.digest), files.path_of(chosen.store_dir, found.digest))
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise NotFound("The file is not there", fix="Look whether HUB_IMAGING_STORE_DIR is mounted.")
        try:
            instance = header.parse(path, found.digest, found.size)
        except NotTaken as error:
            raise Conflict(f"The file still cannot be taken in ({error.reason})", fix="Leave it, or drop it.") from None
        files.keep(chosen.store_dir, Spooled(path, found.digest, found.size))
    [outcome] = arrivals.commit([Arrival(instance, Sender(who))], chosen)
    if isinstance(outcome, Failure):  # another file counts for its UID: it is put aside again
        raise Conflict(f"The file still cannot be taken in ({outcome})", fix="Leave it, or drop it.")
    _decide(found, "released", who)
    return outcome


def drop(number: int, who: Principal, chosen: Settings) -> None:
    """Delete a file; one that waits for another reason too stays until that is decided.

    Raises:
        NotFound: no such file.
        Conflict: decided about before.
    """
    with store.transaction() as session:
        found = store.find_put_aside(session, number, lock=True)
        shared = store.waits_elsewhere(session, found.digest, number)
    _decide(found, "dropped", who)
    if not shared:
        files.quarantined(chosen.store_dir, found.digest).unlink(missing_ok=True)


def _decide(found: PutAside, decision: str, who: Principal) -> None:
    """On record before a file is gone."""
    entities = [audit.Entity(identifier=codes.study_identifier(found.study))] if found.study else []
    event = audit.audit_event(
        service="imaging", who=who, kind="quarantine", action="E", entities=entities, detail=decision
    )
    with store.transaction() as session:
        store.decide(session, found.number, decision, who.subject)
        audit.record(session, event, service="imaging", correlation=codes.correlation_of(found.study or found.digest))
    log.info("quarantine_decided", number=found.number, decision=decision)

"""How an instance comes in: kept whole or put aside, recorded with its study, and said, in one transaction."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from services.imaging import completion, fhir, files, store
from services.imaging.dicom import header
from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.instance import Failure, Instance, Refused, Stored
from services.imaging.domain.study import Issuers
from services.imaging.files import Spooled
from services.imaging.settings import Settings
from shared import audit, outbox, sittings
from shared.fhir import codes
from shared.security import Principal
from shared.telemetry import log

INSTANCES: Final = Counter("hub_imaging_instances", "Instances that came, by what became of them", ["outcome"])
BYTES: Final = Counter("hub_imaging_stored_bytes", "Bytes of new instances")


def take(part: Spooled, chosen: Settings, study: str | None) -> Instance | Refused:
    """Put one file where it belongs: under its content, or aside.

    Args:
        study: that the sender says it belongs to; None when it does not say.
    """
    try:
        instance = header.parse(part.path, part.digest, part.size)
    except NotTaken as error:
        return _put_aside(part, Refused(error.reason), chosen, None)
    if study is not None and instance.study != study:
        refused = Refused(Failure.OTHER_STUDY, instance.sop_class, instance.uid)
        return _put_aside(part, refused, chosen, instance.study)
    files.keep(chosen.store_dir, part)
    return instance


def _put_aside(part: Spooled, refused: Refused, chosen: Settings, study: str | None) -> Refused:
    files.quarantine(chosen.store_dir, part.digest, part.path)
    with store.transaction() as session:
        store.quarantine(session, part.digest, part.size, refused.reason, study=study, instance=refused.uid or None)
    INSTANCES.labels(str(refused.reason)).inc()
    log.warning("file_quarantined", reason=refused.reason, digest=part.digest)
    return refused


def commit(
    uid: str, instances: Sequence[Instance], who: Principal, chosen: Settings
) -> list[tuple[Instance, Stored | Failure]]:
    """Record the instances of one study, and take its next step, in one transaction."""
    with store.transaction() as session:
        store.lock(session, uid)
        outcomes = [(instance, store.add(session, instance)) for instance in instances]
        for instance, outcome in outcomes:
            if outcome is Failure.CONFLICT:
                files.quarantine(chosen.store_dir, instance.digest)
                store.quarantine(session, instance.digest, instance.size, outcome, study=uid, instance=instance.uid)
        new = [instance for instance, outcome in outcomes if outcome is Stored.NEW]
        if new:
            study = completion.advance(session, uid, store.now(session), chosen)
            known = [i for i in store.list_instances(session, uid) if not i.hub_made]
            outbox.add(session, fhir.instances_stored(study, Issuers(chosen.issuers, chosen.default_issuer), known))
        _record(session, uid, who)
    for instance, outcome in outcomes:
        INSTANCES.labels(str(outcome)).inc()
        BYTES.inc(instance.size if outcome is Stored.NEW else 0)
    return outcomes


def _record(session: store.Session, uid: str, who: Principal) -> None:
    """Who brought pixels of a study: once a sitting."""
    if sittings.begin(session, who, [f"store {uid}"]):
        entity = audit.Entity(identifier=codes.study_identifier(uid))
        event = audit.audit_event(service="imaging", who=who, kind="dicom-store", action="C", entities=[entity])
        audit.record(session, event, service="imaging", correlation=codes.correlation_of(uid))

"""AMQP in: announcements, revoked orders, Consents, studies that are ready to be read, and what becomes of answers."""

from dataclasses import replace
from typing import Any

from celery.signals import worker_process_init

from services.imaging import arrivals, completion, fhir, store
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import NOBODY, Model
from services.imaging.domain.reading import Reason, Refusal, left_out
from services.imaging.domain.registry import STOPPED, Entry, Pictures, Stage, choose, is_stopped, shadows
from services.imaging.domain.study import Announcement, State, Study
from services.imaging.inference import reader
from services.imaging.settings import settings
from services.imaging.tasks import answering, results, watching
from services.imaging.tasks.reading import Kept, keep, look_at, read
from services.imaging.tasks.volumes import Predict
from services.imaging.tasks.worker import worker
from shared import inbox, outbox
from shared.errors import HubError
from shared.events import Event
from shared.fhir.consent import REFUSED, consents_from
from shared.fhir.message import Message
from shared.telemetry import log

__all__ = [
    "announce_study",
    "app",
    "look_again",
    "read_in_shadow",
    "read_study",
    "results",
    "revoke_order",
    "take_consents",
    "worker",
]

app = worker.app

TEST_SUBJECT = Refusal(Reason.TEST_SUBJECT, "phantom or test patient")


@worker.on(Event.STUDY_AVAILABLE)
def announce_study(message: Message) -> None:
    """The hospital says that a study is available, before or after its pixels come."""
    announcement, consents = fhir.announcement(message), consents_from(message)
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.keep_consents(session, consents)
        store.lock(session, announcement.uid, announcement.orders)
        if store.announce(session, announcement):
            completion.advance(session, announcement.uid, store.now(session), settings())
            _want_priors(session, announcement)
    log.info("study_announced", study=announcement.uid)


def _want_priors(session: store.Session, announcement: Announcement) -> None:
    """The listener fetches what the archive has of the same patient, where a site wants that."""
    known = set(settings().issuers.values())
    numbers = sorted(person.value for person in announcement.persons if person.system in known)
    if settings().priors and numbers:
        store.ask_retrieval(session, announcement.uid, numbers[0])


@worker.on(Event.RESOURCE_CHANGED)
def take_consents(message: Message) -> None:
    """A patient permits or denies analysis by AI, perhaps before anything else is known of them."""
    consents = consents_from(message)
    if not consents:
        return
    with store.transaction() as session:
        if inbox.claim(session, message.id):
            store.keep_consents(session, consents)
    log.info("consents_taken", consents=len(consents))


@worker.on(Event.ORDER_REVOKED)
def revoke_order(message: Message) -> None:
    """What was not read yet will not be."""
    orders = fhir.order_keys(message.resource("ServiceRequest"))
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        stopped = store.revoke(session, orders)
    log.info("order_revoked", studies=len(stopped))


@worker.on(Event.QUIET_PERIOD_ENDED)
def look_again(message: Message) -> None:
    """Somebody wanted to look at this study now."""
    uid = fhir.study_uid(message)
    with store.transaction() as session:
        if inbox.claim(session, message.id):
            now = store.now(session)
            arrivals.say_waiting(session, completion.advance(session, uid, now, settings()), now, settings())


def refuse_unread(session: store.Session, message: Message) -> None:
    """The last retry failed: the pictures stayed away, and that is said."""
    study = store.lock(session, fhir.study_uid(message))
    if study.state is State.COMPLETE:
        instances, known = store.list_instances(session, study.uid), store.models(session)
        model, _ = _choose(study, instances, known)
        refusal = Refusal(Reason.UNREADABLE, "the pictures are not there")
        answering.refuse(session, study, model, refusal)
        watching.keep(session, known, study, instances, model, refusal)


@worker.on(Event.STUDY_COMPLETED, exhausted=refuse_unread)
@worker.on(Event.VOLUME_DUE, exhausted=refuse_unread)
def read_study(message: Message, *, predict: Predict = reader.predict) -> None:
    """Read the study with the model that is meant for it, and say what was found, or why nothing was."""
    uid = fhir.study_uid(message)
    with store.transaction() as session:
        study, instances = store.find(session, uid), store.list_instances(session, uid)
        known, denied = store.models(session), _denied(session, study)
    if study.state is not State.COMPLETE:
        return  # read before, revoked, or in a human's hands
    model, pictures = _choose(study, instances, known)
    if model.use.volume and message.event is Event.STUDY_COMPLETED and not isinstance(pictures, Refusal):
        _pass_on(message, study)  # a picture never waits for a volume
        return
    answer = denied or _answer(pictures, instances, model, predict)  # slow: no transaction is open
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        study = store.lock(session, uid)
        if study.state is not State.COMPLETE:
            return  # revoked meanwhile, or a picture of another patient came
        model, answer = _as_things_stand(session, study, model, answer)
        study = replace(study, present=sum(not one.hub_made for one in instances))  # what came meanwhile was not read
        said = _say(session, study, model, answer)
        if said:
            watching.keep(session, known, study, instances, model, answer)
        if said and shadows(known, look_at(study, instances)) and _may_be_asked(session, study):
            outbox.add(session, fhir.shadow_due(study, answering.issuers(), said))


def _answer(pictures: Pictures, instances: list[Instance], model: Model, predict: Predict) -> Kept | Refusal:
    """What the model says, on disk; or why it says nothing."""
    if isinstance(pictures, Refusal):
        return pictures
    reading = read(pictures, model, predict, settings().store_dir)
    if isinstance(reading, Refusal):
        return reading
    finding = reading.finding.beside(left_out(instances, reading.pictures))
    return keep(replace(reading, finding=finding), model, settings().store_dir)


def _pass_on(message: Message, study: Study) -> None:
    """To the worker of volumes."""
    with store.transaction() as session:
        if inbox.claim(session, message.id):
            outbox.add(session, fhir.volume_due(study, answering.issuers(), message))
    log.info("volume_passed_on", study=study.uid)


def _as_things_stand(
    session: store.Session, study: Study, model: Model, answer: Kept | Refusal
) -> tuple[Model, Kept | Refusal]:
    """What was read is not used when a phantom showed itself, the patient denied it or the model was stopped."""
    if fhir.is_test_subject(study):
        return NOBODY, TEST_SUBJECT
    if denied := _denied(session, study):
        return model, denied
    if isinstance(answer, Kept) and is_stopped(store.models(session), model):
        return model, STOPPED
    return model, answer


def _say(session: store.Session, study: Study, model: Model, answer: Kept | Refusal) -> Message | None:
    """The answer, and after it, for an answer that is a finding, the DICOM objects that are to be made of it."""
    if isinstance(answer, Refusal):
        return answering.refuse(session, study, model, answer)
    said = answering.complete(session, study, model, answer)
    if said:
        outbox.add(session, fhir.results_due(study, answering.issuers(), said))
    return said


@worker.on(Event.SHADOW_DUE)
def read_in_shadow(message: Message, *, predict: Predict = reader.predict) -> None:
    """Let shadow models read an answered study; what they say is kept for comparison and shown to no reader."""
    uid = fhir.study_uid(message)
    with store.transaction() as session:
        study, instances = store.find(session, uid), store.list_instances(session, uid)
        known, permitted = store.models(session), _may_be_asked(session, study)
    asked = shadows(known, look_at(study, instances)) if permitted else []
    readings = [(model, read(pictures, model, predict, settings().store_dir)) for model, pictures in asked]
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        if readings and not _may_be_asked(session, store.find(session, uid)):
            readings = []  # a phantom showed itself meanwhile, or the patient denied it
        for model, reading in readings:
            answering.record_shadow(session, study, model, reading)
            watching.keep(session, known, study, instances, model, reading)
    log.info("study_read_in_shadow", study=uid, models=len(readings))


@worker.on(Event.REPORT_SIGNED)
def hear_reader(message: Message) -> None:
    """A reader signed: what they made of the model's answer counts for watching it."""
    _hear(message)


@worker.on(Event.REPORT_AMENDED)
def hear_reader_again(message: Message) -> None:
    """A report that was entered in error takes its word back; an addendum changes nothing."""
    _hear(message)


def _hear(message: Message) -> None:
    word = fhir.reader_word(message)
    with store.transaction() as session:
        if inbox.claim(session, message.id) and word and (word.decision or word.withdrawn):
            store.save_word(session, word)


def _choose(study: Study, instances: list[Instance], known: list[Entry]) -> tuple[Model, Pictures]:
    """Phantoms and test patients never reach a clinical model."""
    if fhir.is_test_subject(study):
        return NOBODY, TEST_SUBJECT
    return choose(known, study.uid, look_at(study, instances))


def _may_be_asked(session: store.Session, study: Study) -> bool:
    """Whether shadows may look: neither a phantom, nor a patient who denies it."""
    return not fhir.is_test_subject(study) and not _denied(session, study)


def _denied(session: store.Session, study: Study) -> Refusal | None:
    """Whether the patient denies analysis by AI now; a study is complete only once its patient is known."""
    given = study.announcement
    patient = str(given.patient.get("id", "")) if given else ""
    return Refusal(Reason.CONSENT, REFUSED) if store.denies_ai(session, patient, study.asked_at) else None


@worker_process_init.connect  # type: ignore[untyped-decorator]  # untyped in the library
def load_models(**_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    """Open the models that read before the first study comes; what is broken is said with every study."""
    if not worker.takes(Event.STUDY_COMPLETED):
        reader.load([])  # shadows and models of volumes are opened when they are asked first
        return
    try:
        with store.transaction() as session:
            known = store.models(session)
    except HubError as error:
        log.warning("models_not_loaded", reason=error.message)
        return
    reader.load(entry.model for entry in known if entry.stage in {Stage.LIVE, Stage.CANARY})

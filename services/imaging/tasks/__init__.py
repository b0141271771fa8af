"""AMQP in: announcements, revoked orders, and studies that are ready to be read."""

from collections.abc import Callable
from typing import Any

from celery.signals import worker_process_init

from services.imaging import arrivals, completion, fhir, store
from services.imaging.domain.reading import IntendedUse, Model, Reason, Refusal
from services.imaging.domain.study import Announcement, State
from services.imaging.inference import reader
from services.imaging.settings import settings
from services.imaging.tasks import answering
from services.imaging.tasks.reading import Predict, read
from shared import inbox
from shared.errors import HubError
from shared.events import Event
from shared.fhir.message import Message
from shared.telemetry import log
from shared.worker import Worker

worker = Worker("imaging")
app = worker.app

NOTHING = frozenset[str]()
NO_MODEL = Model("unknown", "unknown", "unknown", 1.0, IntendedUse(NOTHING, NOTHING, NOTHING, 0, 0), ())
"""Speaks for a package whose metadata cannot be read: each study then says so, instead of silence."""


@worker.on(Event.STUDY_AVAILABLE)
def announce_study(message: Message) -> None:
    """The hospital says that a study is available, before or after its pixels come."""
    announcement = fhir.announcement(message)
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
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
        refusal = Refusal(Reason.UNREADABLE, "the pictures are not there")
        answering.refuse(session, study, _model(reader.model), refusal)


@worker.on(Event.STUDY_COMPLETED, exhausted=refuse_unread)
def read_study(
    message: Message,
    *,
    model: Callable[[], Model] = reader.model,
    predict: Predict = reader.predict,
) -> None:
    """Read the study and say what was found, or why nothing was."""
    uid = fhir.study_uid(message)
    with store.transaction() as session:
        study, instances = store.find(session, uid), store.list_instances(session, uid)
    if study.state is not State.COMPLETE:
        return  # read before, revoked, or in a human's hands
    known = _model(model)
    reading = (
        Refusal(Reason.MODEL_FAILED, "the model is not whole")
        if known is NO_MODEL
        else read(study, instances, known, predict, settings().store_dir)  # slow: no transaction is open
    )
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        study = store.lock(session, uid)
        if study.state is not State.COMPLETE:
            return  # revoked meanwhile, or a picture of another patient came
        match reading:
            case Refusal():
                answering.refuse(session, study, known, reading)
            case finding, heat_map:
                answering.complete(session, study, known, finding, heat_map)


def _model(model: Callable[[], Model]) -> Model:
    """The model, or one without use when its package is broken: each study then says so."""
    try:
        return model()
    except HubError:
        log.exception("model_missing")
        return NO_MODEL


@worker_process_init.connect  # type: ignore[untyped-decorator]  # untyped in the library
def load_model(**_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    """Load the weights before the first study; a broken package is said with every study, not by dying here."""
    try:
        reader.load()
    except HubError as error:
        log.error("model_not_loaded", reason=error.message)

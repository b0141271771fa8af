"""AMQP in: an input of a patient arrives, is corrected or taken back, and what follows is said anew."""

from typing import Any

from celery.signals import worker_process_init

from services.prediction import fhir, store
from services.prediction.equations import asking
from services.prediction.tasks.assessing import assess
from shared import inbox
from shared.events import Event
from shared.fhir.consent import consents_from
from shared.fhir.message import Message
from shared.telemetry import log
from shared.worker import Worker

worker = Worker(store.SERVICE)
app = worker.app


@worker.on(Event.RESOURCE_CHANGED)
def take_change(message: Message) -> None:
    """A value, a diagnosis, a person or a Consent came or changed, or a Consent's period begins or ends."""
    take(message)


@worker.on(Event.ORDER_PLACED)
def take_ordered(message: Message) -> None:
    """A new patient often comes with the first order, and is told of in no other event."""
    take(message)


@worker.on(Event.STUDY_AVAILABLE)
def take_announced(message: Message) -> None:
    """The same with a study."""
    take(message)


def take(message: Message) -> None:
    """Keep what is new in a message, and estimate again for whom it concerns."""
    persons, inputs, consents = fhir.persons_from(message), fhir.inputs_from(message), consents_from(message)
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        changed = store.take_in(session, persons, inputs, consents)
        said = sum(assess(session, patient, message.correlation) for patient in sorted(changed))
    log.info("inputs_taken", inputs=len(inputs), patients=len(changed), said=said)


@worker_process_init.connect  # type: ignore[untyped-decorator]  # untyped in the library
def load_packages(**_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    """Check every package's digest before the first patient; with a broken one each message becomes a dead letter."""
    try:
        asking.prepare()
    except (OSError, ValueError) as error:
        log.error("packages_not_loaded", error=type(error).__name__)

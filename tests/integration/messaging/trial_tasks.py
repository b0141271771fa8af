"""A service's tasks for the messaging tests: a message's focus says what its handler is to do."""

import os
import signal
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import db, inbox, outbox
from shared.errors import Unavailable
from shared.events import SUBSCRIPTIONS, Event
from shared.fhir.message import Message
from shared.worker import Worker

LIMIT = timedelta(seconds=2)
RETRIES = (timedelta(milliseconds=200), timedelta(milliseconds=300))

worker = Worker("imaging", limit=LIMIT)
app = worker.app
transaction = partial(db.transaction, "imaging")


def act(message: Message) -> None:
    """Do what the message says, once."""
    order: dict[str, Any] = message.focus[0]
    match order["do"]:
        case "raise":
            raise KeyError(order["secret"])
        case "outlast the soft limit":
            threading.Event().wait(60)
        case "outlast the hard limit":
            while True:
                with suppress(SoftTimeLimitExceeded):
                    threading.Event().wait(60)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "find a neighbour down":
            raise Unavailable("The neighbour is down")
        case "fail until mended":
            with transaction() as session:
                if not session.execute(text("SELECT count(*) FROM mended")).scalar_one():
                    raise Unavailable("The neighbour is down")
    with transaction() as session:
        if inbox.claim(session, message.id):
            session.execute(text("INSERT INTO effect VALUES (:id)"), {"id": message.id})


def say_exhausted(session: Session, message: Message) -> None:
    """What the service says after the last retry."""
    said = Message.build(Event.STUDY_HELD, message.lane, message.correlation, [{"resourceType": "ImagingStudy"}])
    outbox.add(session, said)


for event in sorted(SUBSCRIPTIONS["imaging"]):
    worker.on(event, retries=RETRIES, exhausted=say_exhausted)(act)

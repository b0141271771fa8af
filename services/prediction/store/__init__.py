"""All SQL of prediction; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.prediction.store.records import lock, now, record_of, take_in
from services.prediction.store.sayings import Said, Saying, said_by_method, save_saying, saying_of
from shared import db
from shared.consents import denies_ai

SERVICE = "prediction"

transaction = partial(db.transaction, SERVICE)

__all__ = [
    "SERVICE",
    "Said",
    "Saying",
    "Session",
    "denies_ai",
    "lock",
    "now",
    "record_of",
    "said_by_method",
    "save_saying",
    "saying_of",
    "take_in",
    "transaction",
]

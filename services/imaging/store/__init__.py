"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, count_studies, save_answer
from services.imaging.store.finding import Match, search
from services.imaging.store.instances import add, find_instance, list_instances, quarantine
from services.imaging.store.studies import announce, arm, find, hold, lock, mark, now, revoke
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Match",
    "Session",
    "add",
    "announce",
    "arm",
    "count_studies",
    "find",
    "find_instance",
    "hold",
    "list_instances",
    "lock",
    "mark",
    "now",
    "quarantine",
    "revoke",
    "save_answer",
    "search",
    "transaction",
]

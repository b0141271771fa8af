"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, count_studies, find_answer, save_answer, save_shadow
from services.imaging.store.instances import add, begin_sitting, find_instance, list_instances, quarantine
from services.imaging.store.registry import Change, add_model, changes, models, move
from services.imaging.store.results import (
    Answerer,
    add_results,
    count_results,
    fail_results,
    lease_results,
    settle_results,
)
from services.imaging.store.studies import announce, arm, find, hold, lock, mark, now, revoke
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Answerer",
    "Change",
    "Session",
    "add",
    "add_model",
    "add_results",
    "announce",
    "arm",
    "begin_sitting",
    "changes",
    "count_results",
    "count_studies",
    "fail_results",
    "find",
    "find_answer",
    "find_instance",
    "hold",
    "lease_results",
    "list_instances",
    "lock",
    "mark",
    "models",
    "move",
    "now",
    "quarantine",
    "revoke",
    "save_answer",
    "save_shadow",
    "settle_results",
    "transaction",
]

"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, count_studies, save_answer, save_shadow
from services.imaging.store.instances import add, begin_sitting, find_instance, list_instances, quarantine
from services.imaging.store.registry import Change, add_model, changes, models, move
from services.imaging.store.studies import announce, arm, find, hold, lock, mark, now, revoke
from services.imaging.store.watching import by_week, first_looks, judged, pairs, recent, references, save_word, watch
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Change",
    "Session",
    "add",
    "add_model",
    "announce",
    "arm",
    "begin_sitting",
    "by_week",
    "changes",
    "count_studies",
    "find",
    "find_instance",
    "first_looks",
    "hold",
    "judged",
    "list_instances",
    "lock",
    "mark",
    "models",
    "move",
    "now",
    "pairs",
    "quarantine",
    "recent",
    "references",
    "revoke",
    "save_answer",
    "save_shadow",
    "save_word",
    "transaction",
    "watch",
]

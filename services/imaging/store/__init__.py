"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import (
    Answer,
    Answered,
    answers_lately,
    count_studies,
    find_answer,
    save_answer,
    save_shadow,
)
from services.imaging.store.consents import denies_ai, keep_consents
from services.imaging.store.instances import add, find_instance, list_instances, quarantine
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
from services.imaging.store.watching import by_week, first_looks, judged, pairs, recent, references, save_word, watch
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Answered",
    "Answerer",
    "Change",
    "Session",
    "add",
    "add_model",
    "add_results",
    "announce",
    "answers_lately",
    "arm",
    "by_week",
    "changes",
    "count_results",
    "count_studies",
    "denies_ai",
    "fail_results",
    "find",
    "find_answer",
    "find_instance",
    "first_looks",
    "hold",
    "judged",
    "keep_consents",
    "lease_results",
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
    "settle_results",
    "transaction",
    "watch",
]

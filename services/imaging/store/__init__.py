"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, count_studies, save_answer
from services.imaging.store.finding import Match, describe, list_unindexed, search
from services.imaging.store.instances import add, find_instance, list_instances
from services.imaging.store.quarantine import (
    PutAside,
    count_put_aside,
    decide,
    find_put_aside,
    list_put_aside,
    quarantine,
    waits_elsewhere,
)
from services.imaging.store.studies import announce, arm, find, hold, lock, mark, now, revoke
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Match",
    "PutAside",
    "Session",
    "add",
    "announce",
    "arm",
    "count_put_aside",
    "count_studies",
    "decide",
    "describe",
    "find",
    "find_instance",
    "find_put_aside",
    "hold",
    "list_instances",
    "list_put_aside",
    "list_unindexed",
    "lock",
    "mark",
    "now",
    "quarantine",
    "revoke",
    "save_answer",
    "search",
    "transaction",
    "waits_elsewhere",
]

"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, Answered, answers_lately, count_studies, save_answer, save_shadow
from services.imaging.store.consents import denies_ai, keep_consents
from services.imaging.store.errands import (
    Commitment,
    Retrieval,
    ask_commitment,
    ask_retrieval,
    end_commitment,
    end_retrieval,
    lease_commitment,
    lease_retrieval,
    put_off_commitment,
    put_off_retrieval,
)
from services.imaging.store.finding import Match, describe, list_unindexed, search
from services.imaging.store.instances import (
    Known,
    add,
    count_series,
    find_files,
    find_instance,
    list_instances,
)
from services.imaging.store.quarantine import (
    PutAside,
    count_put_aside,
    decide,
    find_put_aside,
    list_put_aside,
    quarantine,
    waits_elsewhere,
)
from services.imaging.store.registry import Change, add_model, changes, models, move
from services.imaging.store.studies import (
    announce,
    arm,
    expect_prior,
    find,
    hold,
    lock,
    mark,
    mark_said,
    now,
    revoke,
    say_later,
)
from shared import db

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Answered",
    "Change",
    "Commitment",
    "Known",
    "Match",
    "PutAside",
    "Retrieval",
    "Session",
    "add",
    "add_model",
    "announce",
    "answers_lately",
    "arm",
    "ask_commitment",
    "ask_retrieval",
    "changes",
    "count_put_aside",
    "count_series",
    "count_studies",
    "decide",
    "denies_ai",
    "describe",
    "end_commitment",
    "end_retrieval",
    "expect_prior",
    "find",
    "find_files",
    "find_instance",
    "find_put_aside",
    "hold",
    "keep_consents",
    "lease_commitment",
    "lease_retrieval",
    "list_instances",
    "list_put_aside",
    "list_unindexed",
    "lock",
    "mark",
    "mark_said",
    "models",
    "move",
    "now",
    "put_off_commitment",
    "put_off_retrieval",
    "quarantine",
    "revoke",
    "save_answer",
    "save_shadow",
    "say_later",
    "search",
    "transaction",
    "waits_elsewhere",
]

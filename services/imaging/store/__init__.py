"""All SQL of imaging; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.imaging.store.analyses import Answer, count_studies, save_answer
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
from services.imaging.store.instances import (
    Known,
    add,
    begin_sitting,
    count_series,
    find_files,
    find_instance,
    list_instances,
    quarantine,
)
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
    "Commitment",
    "Known",
    "Retrieval",
    "Session",
    "add",
    "announce",
    "arm",
    "ask_commitment",
    "ask_retrieval",
    "begin_sitting",
    "count_series",
    "count_studies",
    "end_commitment",
    "end_retrieval",
    "expect_prior",
    "find",
    "find_files",
    "find_instance",
    "hold",
    "lease_commitment",
    "lease_retrieval",
    "list_instances",
    "lock",
    "mark",
    "mark_said",
    "now",
    "put_off_commitment",
    "put_off_retrieval",
    "quarantine",
    "revoke",
    "save_answer",
    "say_later",
    "transaction",
]

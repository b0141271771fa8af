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
from services.imaging.store.results import (
    Answerer,
    add_results,
    count_results,
    fail_results,
    lease_results,
    settle_results,
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
from services.imaging.store.watching import by_week, first_looks, judged, pairs, recent, references, save_word, watch
from shared import db
from shared.consents import denies_ai, keep_consents

transaction = partial(db.transaction, "imaging")

__all__ = [
    "Answer",
    "Answered",
    "Answerer",
    "Change",
    "Commitment",
    "Known",
    "Match",
    "PutAside",
    "Retrieval",
    "Session",
    "add",
    "add_model",
    "add_results",
    "announce",
    "answers_lately",
    "arm",
    "ask_commitment",
    "ask_retrieval",
    "by_week",
    "changes",
    "count_put_aside",
    "count_results",
    "count_series",
    "count_studies",
    "decide",
    "denies_ai",
    "describe",
    "end_commitment",
    "end_retrieval",
    "expect_prior",
    "fail_results",
    "find",
    "find_answer",
    "find_files",
    "find_instance",
    "find_put_aside",
    "first_looks",
    "hold",
    "judged",
    "keep_consents",
    "lease_commitment",
    "lease_results",
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
    "pairs",
    "put_off_commitment",
    "put_off_retrieval",
    "quarantine",
    "recent",
    "references",
    "revoke",
    "save_answer",
    "save_shadow",
    "save_word",
    "say_later",
    "search",
    "settle_results",
    "transaction",
    "waits_elsewhere",
    "watch",
]

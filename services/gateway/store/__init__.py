"""All SQL of the gateway; functions take a session first, and nobody but `transaction` commits."""

from functools import partial

from sqlalchemy.orm import Session

from services.gateway.store.accounts import (
    Account,
    Client,
    add_account,
    add_client,
    begin_patient_sign_in,
    begin_sign_in,
    count_try,
    disable_account,
    disable_client,
    end_sign_in,
    find_account,
    find_client,
    find_signed_in,
    find_signed_in_patient,
    forget_tries,
    list_accounts,
    list_clients,
)
from services.gateway.store.answers import Answer, Claim, claim_answer, claim_answers, give_answer
from services.gateway.store.codes import find_patients, keep_code, use_code
from services.gateway.store.intake import Saved, take_in, take_in_group
from services.gateway.store.resources import Stored, find, find_by_identifier, find_of_patient, lock
from services.gateway.store.search import search
from shared import db

transaction = partial(db.transaction, "gateway")

__all__ = [
    "Account",
    "Answer",
    "Claim",
    "Client",
    "Saved",
    "Session",
    "Stored",
    "add_account",
    "add_client",
    "begin_patient_sign_in",
    "begin_sign_in",
    "claim_answer",
    "claim_answers",
    "count_try",
    "disable_account",
    "disable_client",
    "end_sign_in",
    "find",
    "find_account",
    "find_by_identifier",
    "find_client",
    "find_of_patient",
    "find_patients",
    "find_signed_in",
    "find_signed_in_patient",
    "forget_tries",
    "give_answer",
    "keep_code",
    "list_accounts",
    "list_clients",
    "lock",
    "search",
    "take_in",
    "take_in_group",
    "transaction",
    "use_code",
]

"""A reader's acts, each one transaction: look, first impression, decision, signature, addendum, hold.

The doors call these; nothing here knows HTML or HTTP. Who serves patient data records it first: no commit, no data.
"""

from services.results_sharing.reading.review import (
    Lists,
    decide,
    give_impression,
    keep_draft,
    open_case,
    open_worklist,
    show_now,
    targets,
)
from services.results_sharing.reading.signature import amend, let_go, resolve_hold, sign, withdraw

__all__ = [
    "Lists",
    "amend",
    "decide",
    "give_impression",
    "keep_draft",
    "let_go",
    "open_case",
    "open_worklist",
    "resolve_hold",
    "show_now",
    "sign",
    "targets",
    "withdraw",
]

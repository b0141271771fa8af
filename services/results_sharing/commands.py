"""`hub audit verify` (its chain) and `hub cases` (the reconciliation), for operators."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.results_sharing import signing, store
from services.results_sharing.domain.chain import check
from services.results_sharing.store import transaction
from shared.settings import MissingSettings

KEY_FILE = "HUB_RESULTS_SHARING_AUDIT_KEY_FILE"


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    audit = commands.add_parser("audit", help="check the audit")
    actions = audit.add_subparsers(dest="action", required=True, metavar="action")
    verify = actions.add_parser("verify", help="check every record; exit 1 and its number when one is not as written")
    verify.add_argument("--head", help="a hash noted earlier: it must still be in the chain")
    verify.set_defaults(run=_verify)
    cases = commands.add_parser("cases", help="cases by state; exit 1 when any is unexplained")
    cases.add_argument("--json", action="store_true")
    cases.set_defaults(run=_cases)


def _key_file() -> Path:
    if not (value := os.environ.get(KEY_FILE)):
        raise MissingSettings(f"{KEY_FILE} is not set", fix="Set it to the file that holds the key.")
    return Path(value)


def _verify(told: argparse.Namespace) -> int:
    with transaction() as session:
        found = check(store.audit_links(session), partial(signing.is_signed, _key_file()))
        has_head = told.head is None or store.has_audit_hash(session, told.head)
    if found.broken is not None:
        sys.stdout.write(f"Record {found.broken} is broken: {found.problem}. {found.records} before it are good.\n")
        return 1
    if not has_head:
        sys.stdout.write("The hash you noted is not in the chain: records were cut off its end.\n")
        return 1
    sys.stdout.write(f"All {found.records} records are as they were written. Head: {found.head}\n")
    return 0


def _cases(told: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with transaction() as session:
        counted, stuck = store.reconciliation(session, now), store.stuck(session, now)
    if told.json:
        states = {str(state): count for state, count in counted.states.items()}
        summary = {"accepted": counted.accepted, "states": states, "unexplained": counted.unexplained, "stuck": stuck}
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        lines = [f"{state:<18}{count:>8}" for state, count in counted.states.items()]
        lines += [f"{'accepted':<18}{counted.accepted:>8}", f"{'unexplained':<18}{counted.unexplained:>8}"]
        sys.stdout.write("\n".join([*lines, *(f"stuck: case {case}" for case in stuck)]) + "\n")
    return 0 if counted.unexplained == 0 else 1

"""`hub instances index`: let searches find what came before searches did."""

import argparse
import sys
from typing import Any

from services.imaging import indexing
from services.imaging.settings import settings


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command to `hub`."""
    parser = commands.add_parser("instances", help="stored instances")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    index = verbs.add_parser("index", help="read out of older files what searches find them by; may be run again")
    index.set_defaults(run=_index)


def _index(_: argparse.Namespace) -> int:
    done, unreadable = indexing.index(settings().store_dir)
    sys.stdout.write(f"{done} instances can be searched now; {unreadable} could not be read.\n")
    return 1 if unreadable else 0

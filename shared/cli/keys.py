"""`hub keys`: make, once, the pair that signs sessions and system tokens, and the key that signs the audit."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from shared.security import make_key
from shared.settings import MissingSettings

PRIVATE, PUBLIC = "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE", "HUB_SESSION_PUBLIC_KEY_FILE"
AUDIT = "HUB_RESULTS_SHARING_AUDIT_KEY_FILE"
"""Needed where results_sharing runs; made where it is set."""


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command."""
    parser = commands.add_parser("keys", help="make the keys that are missing; those that are there stay")
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    made = _session(_file(PRIVATE), _file(PUBLIC))
    if os.environ.get(AUDIT) and not (file := _file(AUDIT)).exists():
        _write(file, make_key()[0])
        made.append(file)
    told = f"Made {', '.join(map(str, made))}." if made else "The keys are there already; nothing was changed."
    sys.stdout.write(f"{told}\n")
    return 0


def _session(private: Path, public: Path) -> list[Path]:
    if private.exists() and public.exists():
        return []
    if private.exists():
        raise MissingSettings(
            f"{PUBLIC} names no file, but the private key is there.", fix="Put both back, or move both away."
        )
    secret, open_ = make_key()
    _write(private, secret)
    public.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    public.write_bytes(open_)
    return [private, public]


def _write(file: Path, key: bytes) -> None:
    """Write a private key that was never there and that nobody else can read, not even for a moment."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(key)


def _file(variable: str) -> Path:
    if not (value := os.environ.get(variable)):
        raise MissingSettings(f"{variable} is not set", fix="Set it to the file that is to hold the key.")
    return Path(value)

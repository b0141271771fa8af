"""`hub demo`: the simulated hospital's part of the `hub` command."""

import argparse
from typing import Any

from rich.console import Console

from shared.cli import running


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command."""
    parser = commands.add_parser("demo", help="a hub and a simulated hospital, step by step, until Ctrl-C")
    parser.add_argument("--once", action="store_true", help="sign by a synthetic reader, wait for delivery, and end")
    parser.add_argument("--seed", type=int, help="the same patients again; by default others each time")
    parser.set_defaults(run=_demo)


def _demo(told: argparse.Namespace) -> int:
    from services.simulator.demo.story import play  # noqa: PLC0415 (other commands need not load numpy and pydicom)

    return play(running.state_folder(), once=told.once, seed=told.seed, console=Console())

"""The `hub` command: one place from which a hub is run, looked after and understood.

Every error is one sentence and a fix: exit 1 when something is not well, 2 when the call or the settings are not.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

from shared.cli import doctor, keys, letters, running, up
from shared.errors import HubError
from shared.migrate import migrate
from shared.settings import MissingSettings

FAILED, MISUSED = 1, 2
COMMANDS_GROUP = "hub.commands"
"""Entry points of this group are functions `register(subparsers)`: a service's own commands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    told = parser.parse_args(arguments)
    try:
        running.recall()
        run: Callable[[argparse.Namespace], int] = told.run
        return run(told)
    except HubError as error:
        _say(error.message, error.fix)
        return MISUSED if isinstance(error, MissingSettings) else FAILED
    except KeyboardInterrupt:
        _say("Stopped.", None)
        return 130  # what a shell expects of a program that Ctrl-C ended
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # noqa: BLE001 (the last net: a person gets a sentence, never a stack of calls)
        _say(f"`hub {told.command}` broke on an unexpected {type(error).__name__}.", f"Report it{_where(error)}.")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hub", description="Run and look after a Consilium hub.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for register in (up.register, _register_migrate, keys.register, doctor.register, letters.register):
        register(commands)
    for point in sorted(entry_points(group=COMMANDS_GROUP), key=lambda point: point.name):
        with suppress(ModuleNotFoundError):  # an image holds the libraries of its own service only
            point.load()(commands)
    return parser


def _register_migrate(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    stores = up.stores()
    parser = commands.add_parser("migrate", help="bring a service's database to what its code needs")
    parser.add_argument("service", choices=[*stores, "all"])
    parser.set_defaults(run=_migrate)


def _migrate(told: argparse.Namespace) -> int:
    for service in up.stores() if told.service == "all" else [told.service]:
        migrate(service)
        sys.stdout.write(f"The database of {service} is up to date.\n")
    return 0


def _where(error: Exception) -> str:
    """File and line where it broke; never the text of a foreign error, which may quote a patient."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" with this place: {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _say(sentence: str, fix: str | None) -> None:
    sys.stderr.write(f"{sentence}\n")
    if fix:
        sys.stderr.write(f"Fix: {fix}\n")

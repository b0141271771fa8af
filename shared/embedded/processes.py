"""The table of `deploy/processes.yaml`: every process of the hub, the command that runs it and where it answers."""

import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FILE: Final = Path(__file__).parents[2] / "deploy" / "processes.yaml"


@dataclass(frozen=True)
class Process:
    """One line of the table.

    Attributes:
        service: the folder below `services/` that it belongs to.
        command: the same as in production; it finds its port in the variable `port`.
        port: variable that says on which port it answers `/metrics` (an api: everything).
        ready: path that answers 200 once it can work.
        needs: services whose databases must have migrated.
        folders: variables that each name an empty folder of its own.
        environment: settings where the embedded default differs from the code's; `{simulator_api}` stands for the
            address of the process `simulator-api`. What the caller's environment says goes first.
    """

    name: str
    service: str
    command: tuple[str, ...]
    port: str
    ready: str
    needs: tuple[str, ...]
    folders: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


@cache
def processes(file: Path = FILE) -> tuple[Process, ...]:
    """All processes, in the order in which they start."""
    rows = yaml.safe_load(file.read_text())["processes"]
    return tuple(
        Process(
            name,
            row["service"],
            tuple(shlex.split(row["command"])),
            row["port"],
            row["ready"],
            tuple(row.get("needs", ())),
            tuple(row.get("folders", ())),
            tuple(row.get("environment", {}).items()),
        )
        for name, row in rows.items()
    )


def stores() -> tuple[str, ...]:
    """The services that keep a database, in the order of the table."""
    return tuple(dict.fromkeys(need for process in processes() for need in process.needs))

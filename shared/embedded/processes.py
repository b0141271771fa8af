"""The table of `deploy/processes.yaml`: every process of the hub, the command that runs it and where it answers."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
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
        listens: variable that says on which further port peers call it; None when nobody does.
    """

    name: str
    service: str
    command: tuple[str, ...]
    port: str
    ready: str
    needs: tuple[str, ...]
    folders: tuple[str, ...]
    listens: str | None = None


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
            row.get("listens"),
        )
        for name, row in rows.items()
    )


def commands_before(file: Path = FILE) -> tuple[tuple[str, ...], ...]:
    """What `hub` has to do before any process starts, besides the migrations; each leaves alone what is there."""
    return tuple(tuple(shlex.split(line)) for line in yaml.safe_load(file.read_text())["before"])


def commands_after(service: str, file: Path = FILE) -> tuple[tuple[str, ...], ...]:
    """What `hub` has to do once a service's database has migrated; each leaves alone what is there."""
    return tuple(tuple(shlex.split(line)) for line in yaml.safe_load(file.read_text())["after"].get(service, ()))


def local_settings(addresses: Mapping[str, str], state: Path, file: Path = FILE) -> dict[str, str]:
    """Settings of the embedded default, which what the caller says goes before.

    Args:
        addresses: of each process; `${simulator_api}` in a value stands for the one of `simulator-api`.
        state: `${state}` in a value stands for it.
    """
    known = {name.replace("-", "_"): url for name, url in addresses.items()} | {"state": str(state)}
    rows: dict[str, str] = yaml.safe_load(file.read_text())["local_settings"]
    return {name: Template(value).substitute(known) for name, value in rows.items()}


def stores() -> tuple[str, ...]:
    """The services that keep a database, in the order of the table."""
    return tuple(dict.fromkeys(need for process in processes() for need in process.needs))

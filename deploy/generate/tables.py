"""What the generated files say, read from the tables that the code itself runs by: processes, routes, events."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from shared.embedded.processes import Process, processes
from shared.worker.application import GRACE, LIMIT

ROOT: Final = Path(__file__).parents[2]
HTTP_PORT: Final = 8080
METRICS_PORT: Final = 9090
PEER_PORT: Final = 11112
"""DICOM's, on which a listener is called."""
LONGEST_TASK_S: Final = int((LIMIT + GRACE).total_seconds())
MARGIN_S: Final = 30
"""For the pause before the end, and from the end of the longest work to the end of the process."""

Object = dict[str, Any]
PRODUCT: Final = tuple(process for process in processes() if process.needs)
"""The hub itself."""
STAND_INS: Final = tuple(process for process in processes() if not process.needs)
"""The simulated hospital: it keeps no database of the hub's."""
SERVICES: Final = tuple(dict.fromkeys(process.service for process in PRODUCT))

EXTRAS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
HOLD_TORCH: Final = frozenset(service for service in SERVICES if "torch" in EXTRAS[service])
"""The services whose workers have torch in memory."""

SIZES: Final = {
    "api": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}},
    "relay": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "384Mi"}},
    "listener": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
    "worker": {"requests": {"cpu": "100m", "memory": "384Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}},
}
WITH_TORCH: Final = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
"""Pictures need the first; each of two children that read the largest volumes may need 3 GiB (docs/models.md)."""


KINDS: Final = {"uvicorn": "api", "python": "relay", "celery": "worker"}
"""By the program that a command runs, perhaps behind `nice`."""


def kind_of(process: Process) -> str:
    """Which of its service's commands a process is."""
    if process.listens:
        return "listener"
    return next(KINDS[word] for word in process.command if word in KINDS)


def name_of(text: str) -> str:
    """A name as Kubernetes takes it: no underscore."""
    return text.replace("_", "-")


def queues_of(process: Process) -> list[str]:
    """The queues that a worker consumes."""
    return process.command[process.command.index("-Q") + 1].split(",")


def labels_of(name: str, service: str, kind: str) -> dict[str, str]:
    """By what selectors, policies and monitors find a pod."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": kind,
        "consilium.example/service": name_of(service),
    }


class _Plain(yaml.SafeDumper):
    """No anchors, and a list of words on one line: a person reads each object by itself."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True

    def represent_words(self, data: list[object]) -> yaml.Node:
        """A list, on one line when it has no inner parts."""
        plain = all(isinstance(item, str | int) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


_Plain.add_representer(list, _Plain.represent_words)


def as_yaml(objects: Iterable[Object], made_from: str) -> str:
    """Objects as one file, which says what it was made from."""
    text = yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=10_000, allow_unicode=True)
    return f"# Made from {made_from} by `make manifests`; change that instead.\n{text}"

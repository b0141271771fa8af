"""What operators do to imaging: `hub models`, `hub studies`, `hub instances`, `hub quarantine`."""

from typing import Any

from services.imaging.commands import instances, quarantine, registry, studies


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    for group in (registry, studies, instances, quarantine):
        group.register(commands)

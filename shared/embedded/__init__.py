"""The embedded default: the real PostgreSQL, RabbitMQ and nginx, and every process, started for you without root."""

from shared.embedded.hub import Hub, run_hub
from shared.embedded.machine import CannotStart, holder
from shared.embedded.processes import stores
from shared.embedded.stack import Stack, reset, stack

__all__ = ["CannotStart", "Hub", "Stack", "holder", "reset", "run_hub", "stack", "stores"]

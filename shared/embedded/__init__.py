"""The embedded default: the real PostgreSQL, RabbitMQ and nginx, started for you without root."""

from shared.embedded.machine import CannotStart
from shared.embedded.stack import Stack, stack

__all__ = ["CannotStart", "Stack", "stack"]

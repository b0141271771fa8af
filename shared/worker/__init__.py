"""AMQP in: the Celery application of a service, in which a handler hears an event and no message is ever lost."""

from shared.worker.application import RETRIES, Worker

__all__ = ["RETRIES", "Worker"]

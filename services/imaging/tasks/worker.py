"""The worker of imaging."""

from shared.worker import Worker

worker = Worker("imaging")

"""AMQP in: every event of the hub, for the timeline; what some of them mean for a case, the audit or the hospital."""

from services.results_sharing.tasks import cases, delivery, risks, timeline
from services.results_sharing.tasks.worker import worker

app = worker.app
"""What `celery -A services.results_sharing.tasks worker` runs."""

__all__ = ["app", "cases", "delivery", "risks", "timeline", "worker"]

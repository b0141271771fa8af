"""What operators see: JSON logs with one correlation id along the case, and Prometheus metrics.

Never a patient: logs carry identifiers of things (events, studies, cases), not contents.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("hub")
"""The one logger: `log.info("finding_recorded", model=...)`, a past-tense name and fields."""


def configure(service: str, process: str) -> None:
    """Send every log line of this process, the libraries' too, to stderr as one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _from_process(service, process),
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        ),
        _without_exception_texts,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_json),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("pika", "httpx", "httpcore", "celery.worker.strategy", "celery.app.trace", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _json(event: structlog.typing.EventDict, default: Callable[[Any], Any]) -> str:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()


def _from_process(service: str, process: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401 (structlog's shape)
        return {**event, "service": service, "process": process}

    return add


def _without_exception_texts(
    _: Any,  # noqa: ANN401 (structlog's shape)
    __: str,
    event: structlog.typing.EventDict,
) -> structlog.typing.EventDict:
    """Keep where it broke and the type; a foreign exception's text may quote a patient (PostgreSQL, Pydantic)."""
    for trace in event.get("exception") or []:
        if isinstance(trace, dict):
            trace["exc_value"] = ""
            trace["exc_notes"] = []
    return event


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Add fields (the correlation id first of all) to every log line inside the block."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def correlation() -> str | None:
    """The correlation id of the work at hand, if one is bound."""
    value = structlog.contextvars.get_contextvars().get("correlation")
    return str(value) if value is not None else None


def registry() -> CollectorRegistry:
    """What `/metrics` serves: of all children in a prefork process (`PROMETHEUS_MULTIPROC_DIR`), else its own."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # untyped in the library
    return merged

"""Say what came of a study: its state, the answer kept, and the event, in the caller's transaction."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

from prometheus_client import Counter

from services.imaging import fhir, store
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Finding, Refusal
from services.imaging.domain.study import Issuers, Study
from services.imaging.settings import settings
from services.imaging.tasks.reading import Kept, Reading
from shared import outbox
from shared.fhir.message import Message
from shared.telemetry import log

ANSWERS = Counter("hub_imaging_answers", "Answers by model and outcome", ["model", "version", "outcome"])
SHADOW_ANSWERS = Counter(
    "hub_imaging_shadow_answers", "What shadow models would have answered, by outcome", ["model", "version", "outcome"]
)


def complete(session: store.Session, study: Study, model: Model, kept: Kept) -> Message | None:
    """The model answered about a locked study."""
    if kept.heat_map:
        store.add(session, kept.heat_map)
    message = fhir.analysis_completed(study, issuers(), model, kept.finding, kept.heat_map, datetime.now(UTC))
    answer = _answer(message.id, study, model, kept.finding, kept.heat_map.uid if kept.heat_map else None, kept.mask)
    return _say(session, answer, message)


def refuse(session: store.Session, study: Study, model: Model, refusal: Refusal) -> Message | None:
    """A locked study was not analysed, and that is said."""
    message = fhir.analysis_refused(study, issuers(), model, refusal, datetime.now(UTC))
    return _say(session, _answer(message.id, study, model, refusal), message)


def record_shadow(session: store.Session, study: Study, model: Model, reading: Reading | Refusal) -> None:
    """What a model in the shadow would have said: for the record alone."""
    said = reading if isinstance(reading, Refusal) else reading.finding
    answer = _answer("shadow", study, model, said)
    store.save_shadow(session, answer)
    SHADOW_ANSWERS.labels(answer.model, answer.version, answer.outcome).inc()


def issuers() -> Issuers:
    """Whose numbers are whose."""
    return Issuers(settings().issuers, settings().default_issuer)


def _answer(
    number: str,
    study: Study,
    model: Model,
    said: Finding | Refusal,
    heat_map: str | None = None,
    mask: str | None = None,
) -> store.Answer:
    """The row of an answer; a model that only measures is called measured."""
    named = store.Answer(number, study.uid, model.name, model.version, model.digest, "measured")
    if isinstance(said, Refusal):
        return replace(named, outcome=str(said.reason))
    category, opinion = model.categories[said.category], said.opinion
    flags = any(each.flags for each in model.categories)
    state = "flagged" if said.flagged else "not-flagged"
    return replace(
        named,
        outcome=state if flags else named.outcome,
        instance=opinion.instance.uid,
        heat_map=heat_map,
        probability=said.probability,
        threshold=category.threshold,
        scores=list(opinion.scores),
        measure=opinion.measure,
        mask=mask,
        region=list(opinion.region) if opinion.region else None,
        frame=opinion.frame,
        coverage=list(said.coverage),
        extent=asdict(opinion.extent) if opinion.extent else None,
    )


def _say(session: store.Session, answer: store.Answer, message: Message) -> Message | None:
    if not store.save_answer(session, answer):
        return None
    outbox.add(session, message)
    ANSWERS.labels(answer.model, answer.version, answer.outcome).inc()
    log.info("study_answered", study=answer.study, outcome=answer.outcome, model=answer.model, version=answer.version)
    return message

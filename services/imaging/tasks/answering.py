"""Say what came of a study: its state, the answer kept, and the event, in the caller's transaction."""

from datetime import UTC, datetime

from prometheus_client import Counter

from services.imaging import fhir, store
from services.imaging.domain.instance import Instance
from services.imaging.domain.reading import Finding, Model, Refusal
from services.imaging.domain.study import Issuers, Study
from services.imaging.settings import settings
from shared import outbox
from shared.fhir.message import Message
from shared.telemetry import log

ANSWERS = Counter("hub_imaging_answers", "Answers by model and outcome", ["model", "version", "outcome"])


def complete(session: store.Session, study: Study, model: Model, finding: Finding, heat_map: Instance) -> None:
    """The model answered about a locked study."""
    opinion = finding.opinion
    outcome = "flagged" if finding.flagged else "not-flagged"
    store.add(session, heat_map)
    message = fhir.analysis_completed(study, _issuers(), model, finding, heat_map, datetime.now(UTC))
    answer = store.Answer(
        id=message.id,
        study=study.uid,
        model=model.name,
        version=model.version,
        digest=model.digest,
        outcome=outcome,
        instance=opinion.instance.uid,
        heat_map=heat_map.uid,
        probability=opinion.probability,
        threshold=model.threshold,
    )
    _say(session, answer, message)


def refuse(session: store.Session, study: Study, model: Model, refusal: Refusal) -> None:
    """A locked study was not analysed, and that is said."""
    message = fhir.analysis_refused(study, _issuers(), model, refusal, datetime.now(UTC))
    answer = store.Answer(
        id=message.id,
        study=study.uid,
        model=model.name,
        version=model.version,
        digest=model.digest,
        outcome=str(refusal.reason),
    )
    _say(session, answer, message)


def _say(session: store.Session, answer: store.Answer, message: Message) -> None:
    if not store.save_answer(session, answer):
        return
    outbox.add(session, message)
    ANSWERS.labels(answer.model, answer.version, answer.outcome).inc()
    log.info("study_answered", study=answer.study, outcome=answer.outcome, model=answer.model)


def _issuers() -> Issuers:
    return Issuers(settings().issuers, settings().default_issuer)

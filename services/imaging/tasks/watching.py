"""Keep of each answer what its model is watched by, in the transaction that keeps the answer."""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from services.imaging import fhir, store
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Finding, Refusal, age_of
from services.imaging.domain.registry import Entry
from services.imaging.domain.study import Study
from services.imaging.domain.watching import NOT_ASKED, Watched
from services.imaging.tasks.reading import Kept, Reading

ANSWERS = Counter("hub_model_answers", "Studies that a model was asked about", ["model", "version", "state"])
REFUSALS = Counter(
    "hub_model_refusals", "Studies that a model did not analyse", ["model", "version", "state", "reason"]
)
SCORES = Histogram(
    "hub_model_score",
    "What a model said: calibrated probability, or its measure as a share or in litres",
    ["model", "version", "state"],
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
)


def keep(
    session: store.Session,
    known: Sequence[Entry],
    study: Study,
    instances: Sequence[Instance],
    model: Model,
    said: Kept | Reading | Refusal,
) -> None:
    """Keep one answer's numbers; a study that the model was not meant for, or that nobody read, says nothing of it."""
    stage = next((str(entry.stage) for entry in known if entry.model == model), None)
    if stage is None or (isinstance(said, Refusal) and said.reason in NOT_ASKED):
        return
    watched = _watched(study, instances, model, stage, said if isinstance(said, Refusal) else said.finding)
    store.watch(session, watched)
    labels = (watched.model, watched.version, watched.stage)
    ANSWERS.labels(*labels).inc()
    if watched.refused:
        REFUSALS.labels(*labels, watched.outcome).inc()
    if watched.score is not None:
        SCORES.labels(*labels).observe(watched.score)


def _watched(study: Study, instances: Sequence[Instance], model: Model, stage: str, said: Finding | Refusal) -> Watched:
    given = study.announcement
    age = age_of(instances, fhir.birth_date(given.patient) if given else None)
    sex = str(given.patient.get("gender") or "unknown") if given else "unknown"
    flags = any(category.flags for category in model.categories)
    if isinstance(said, Refusal):
        outcome, flagged, score, looks = str(said.reason), None, None, said.looks
    else:
        state = "flagged" if said.flagged else "not-flagged"
        outcome, flagged = (state, said.flagged) if flags else ("measured", None)
        score = said.probability if flags else (said.opinion.measure or 0.0) / _whole(model)
        looks = said.opinion.looks
    return Watched(study.uid, model.name, model.version, stage, outcome, flagged, score, looks, age, sex)


def _whole(model: Model) -> int:
    """What a measure is a share of: 100 %, or a litre."""
    return 1000 if model.measure and model.measure.unit == "mL" else 100

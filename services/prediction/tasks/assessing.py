"""Estimate anew for one patient, and say what has changed, in the caller's transaction."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Final

import orjson
from prometheus_client import Counter

from services.prediction import fhir, store
from services.prediction.domain import aki, egfr, score2
from services.prediction.domain.estimate import Estimate, Method
from services.prediction.domain.record import Record
from services.prediction.equations import asking
from services.prediction.settings import settings
from shared import outbox
from shared.fhir.consent import REFUSED
from shared.fhir.message import Message

ESTIMATES = Counter("hub_prediction_estimates", "What was said of patients, by model and outcome", ["model", "outcome"])
STEP: Final = timedelta(milliseconds=1)
"""By which a later word is at least later: messages carry milliseconds, and hearers keep what is newer."""


def assess(session: store.Session, patient: str, correlation: str) -> int:
    """Say what is new of a locked patient.

    Returns:
        How many events were said.
    """
    record = store.record_of(session, patient)
    said = withheld() if store.denies_ai(session, patient, record.now) else estimates(record)
    return sum(_say(session, record, estimate, correlation) for estimate in said)


def withheld() -> Iterator[Estimate]:
    """What is said of a patient who denies analysis by AI; no method is asked."""
    for method in Method:
        variant = settings().egfr_equation if method is Method.EGFR else None
        yield Estimate(method, None, f"Not assessed: {REFUSED}.", refused=REFUSED, variant=variant, withheld=True)


def estimates(record: Record) -> Iterator[Estimate]:
    """What each method says of a patient, with or without anything to say."""
    asked = aki.prepare(record)
    rule = asking.aki_of(asked) if asked else None
    yield (
        aki.conclude(asked, rule, record)
        if asked and rule
        else Estimate(Method.AKI, None, "No AKI alert: no creatinine to compare.", value=0.0)
    )
    yield _egfr(record, aki.context(rule))
    yield _score2(record)


def _egfr(record: Record, context: tuple[str, ...]) -> Estimate:
    equation = settings().egfr_equation
    asked = egfr.prepare(record, equation, context)
    if isinstance(asked, Estimate):
        return asked
    return egfr.conclude(asked, record, equation, context, *asking.egfr_of(asked, equation))


def _score2(record: Record) -> Estimate:
    region = settings().score2_region
    asked = score2.prepare(record, region)
    if isinstance(asked, Estimate):
        return asked
    found = asking.score2_of(asked, region)
    return score2.conclude(asked, record, region, found.risk, found.reference, found.terms, found.shares)


def _say(session: store.Session, record: Record, estimate: Estimate, correlation: str) -> bool:
    """Say it once: nothing of a method that no input speaks to, and never the same again."""
    patient, before = record.person.id, store.saying_of(session, record.person.id, str(estimate.method))
    active = bool(estimate.value) if estimate.method is Method.AKI else estimate.value is not None
    if before is None and not (active or _concerns(record, estimate)):
        return False
    digest = _digest(record, estimate)
    if before is not None and before.digest == digest:
        return False
    if estimate.method is Method.AKI and not active and not (before and before.active):
        return False
    at = max(record.now, before.said_at + STEP) if before else record.now
    outbox.add(session, _message(record, estimate, correlation, at, active=active))
    store.save_saying(session, store.Saying(patient, str(estimate.method), at, active, digest))
    ESTIMATES.labels(str(estimate.method), _outcome(estimate, active=active)).inc()
    return True


def _concerns(record: Record, estimate: Estimate) -> bool:
    """Whether any input of the method is known at all."""
    match estimate.method:
        case Method.EGFR:
            return record.knows(*egfr.needs(settings().egfr_equation))
        case Method.SCORE2:
            return record.knows(*score2.NEEDS)
        case Method.AKI:
            return False


def _message(record: Record, estimate: Estimate, correlation: str, at: datetime, *, active: bool) -> Message:
    package = asking.load(estimate.method)
    if estimate.method is not Method.AKI:
        codes = package.metadata.get("codes", {})
        return fhir.risk_estimated(record.person, estimate, package.model, codes, correlation, at)
    say = fhir.flag_raised if active else fhir.flag_lowered
    return say(record.person, estimate, package.model, correlation, at)


def _outcome(estimate: Estimate, *, active: bool) -> str:
    if estimate.method is Method.AKI:
        return f"stage {estimate.value:.0f}" if active else "lowered"
    if estimate.withheld:
        return "withheld"
    return "estimated" if active else "refused" if estimate.refused else "missing"


def _digest(record: Record, estimate: Estimate) -> str:
    """Of what would be said, and of whom; a person's new name for themselves says nothing new."""
    said = asdict(replace(estimate, basis=tuple(sorted(estimate.basis)))) | {"about": record.person.identifier}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()

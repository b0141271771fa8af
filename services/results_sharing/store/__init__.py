"""All SQL of results_sharing: cases, timeline, reviews, reports, audit; functions take a session and speak domain."""

from functools import partial

from sqlalchemy.orm import Session

from services.results_sharing.store.audit import append_audit, audit_links, has_audit_hash
from services.results_sharing.store.cases import Keys, bind, case_of_study, load, patients_of, remember, save
from services.results_sharing.store.deliveries import Deliveries, deliveries
from services.results_sharing.store.patients import Signed, hold_of, looks_of, save_hold, signed_of
from services.results_sharing.store.reconciliation import Reconciliation, reconciliation, stuck
from services.results_sharing.store.reports import add_report, current_report, reports_of
from services.results_sharing.store.reviews import Agreement, agreement, agreement_by_week, review_of, save_review
from services.results_sharing.store.risks import risks_of, take_risk
from services.results_sharing.store.service_level import ServiceLevel, service_level
from services.results_sharing.store.timeline import Moment, record, timeline_of
from services.results_sharing.store.views import CaseView, case_view, finished, phantoms, worklist
from shared import db

SERVICE = "results_sharing"

transaction = partial(db.transaction, SERVICE)
"""A session that commits when its block ends."""

__all__ = [
    "SERVICE",
    "Agreement",
    "CaseView",
    "Deliveries",
    "Keys",
    "Moment",
    "Reconciliation",
    "ServiceLevel",
    "Session",
    "Signed",
    "add_report",
    "agreement",
    "agreement_by_week",
    "append_audit",
    "audit_links",
    "bind",
    "case_of_study",
    "case_view",
    "current_report",
    "deliveries",
    "finished",
    "has_audit_hash",
    "hold_of",
    "load",
    "looks_of",
    "patients_of",
    "phantoms",
    "reconciliation",
    "record",
    "remember",
    "reports_of",
    "review_of",
    "risks_of",
    "save",
    "save_hold",
    "save_review",
    "service_level",
    "signed_of",
    "stuck",
    "take_risk",
    "timeline_of",
    "transaction",
    "worklist",
]

"""Between FHIR and imaging's own words."""

from services.imaging.fhir.answers import analysis_completed, analysis_refused
from services.imaging.fhir.studies import (
    announcement,
    birth_date,
    body_parts,
    imaging_study,
    instances_stored,
    is_test_subject,
    order_keys,
    quiet_period_ended,
    results_due,
    results_made,
    results_stored,
    shadow_due,
    study_completed,
    study_held,
    study_uid,
    volume_due,
)
from services.imaging.fhir.words import reader_word

__all__ = [
    "analysis_completed",
    "analysis_refused",
    "announcement",
    "birth_date",
    "body_parts",
    "imaging_study",
    "instances_stored",
    "is_test_subject",
    "order_keys",
    "quiet_period_ended",
    "reader_word",
    "results_due",
    "results_made",
    "results_stored",
    "shadow_due",
    "study_completed",
    "study_held",
    "study_uid",
    "volume_due",
]

"""Between FHIR and prediction's own words."""

from services.prediction.fhir.inputs import inputs_from, persons_from
from services.prediction.fhir.results import flag_lowered, flag_raised, risk_estimated

__all__ = ["flag_lowered", "flag_raised", "inputs_from", "persons_from", "risk_estimated"]

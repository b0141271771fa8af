"""Concepts as DICOM codes them: public ones under DICOM's names of their systems, the hub's own under `99CONSILIUM`.

Sources: PS3.3 8.8 (Code Sequence), PS3.16 8 (coding schemes).
"""

import re
from typing import Final

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from services.imaging.domain.model import Concept

OWN: Final = "99CONSILIUM"
_SCHEMES: Final = {
    "http://snomed.info/sct": "SCT",
    "http://loinc.org": "LN",
    "http://dicom.nema.org/resources/ontology/DCM": "DCM",
    "http://radlex.org": "RADLEX",
    "http://www.radlex.org": "RADLEX",
    "urn:oid:2.16.840.1.113883.6.256": "RADLEX",
    "http://unitsofmeasure.org": "UCUM",
}
_LONGEST_MEANING: Final = 64

PER_CENT: Final = CodedConcept("%", "UCUM", "Percent")
MILLILITRE: Final = CodedConcept("mL", "UCUM", "milliliter")
MILLIMETRE: Final = CodedConcept("mm", "UCUM", "millimeter")
VOLUME: Final = CodedConcept("118565006", "SCT", "Volume")
LONGEST: Final = CodedConcept("103339001", "SCT", "Long Axis")
STATE: Final = CodedConcept("finding-state", OWN, "AI finding state")
FLAGGED: Final = CodedConcept("flagged", OWN, "Flagged: at or above the threshold")
NOT_FLAGGED: Final = CodedConcept("not-flagged", OWN, "Not flagged: below the threshold")
CERTAINTY: Final = CodedConcept("111012", "DCM", "Certainty of Finding")
THRESHOLD: Final = CodedConcept("threshold", OWN, "Certainty from which it is flagged")
COMMENT: Final = CodedConcept("121106", "DCM", "Comment")
REPORT: Final = CodedConcept("126000", "DCM", "Imaging Measurement Report")
IMAGING: Final = CodedConcept("363679005", "SCT", "Imaging procedure")
DEVICE: Final = CodedConcept("121007", "DCM", "Device")
OF_INTEREST: Final = CodedConcept("113000", "DCM", "Of Interest")
MACHINE_LEARNING: Final = CodedConcept("123110", "DCM", "Artificial Intelligence")
ANATOMY: Final = CodedConcept("91723000", "SCT", "Anatomical Structure")
ABNORMALITY: Final = CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")


def concept(what: Concept) -> CodedConcept:
    """The first public code of a concept; one without is the hub's own, made of its words."""
    for code in what.codes:
        if scheme := _SCHEMES.get(code.system):
            return CodedConcept(code.code, scheme, (code.display or what.text)[:_LONGEST_MEANING])
    return CodedConcept(re.sub(r"[^a-z0-9]+", "-", what.text.lower()).strip("-"), OWN, what.text[:_LONGEST_MEANING])


def own_scheme() -> Dataset:
    """What `99CONSILIUM` is, for whoever meets its codes: an item of Coding Scheme Identification Sequence."""
    made = Dataset()
    made.CodingSchemeDesignator = OWN
    made.CodingSchemeName = "Codes of the Consilium hub"
    made.CodingSchemeResponsibleOrganization = "Consilium"
    return made

"""Whether a file shows a phantom or a test patient, by its header.

Sources: DICOM PS3.3 C.7.1.1 (Quality Control Subject), C.7.6.1 (Quality Control Image: of a phantom, or of a patient
beside one), C.8.13.2 (Content Qualification: made for service).
"""

from collections.abc import Mapping
from typing import Final

from shared.fhir import subjects

ELEMENTS: Final = ("PatientName", "QualityControlSubject", "QualityControlImage", "ContentQualification")
"""Read at the door besides what the hub keeps; the name is looked at and not kept."""

PHANTOM: Final = "PHANTOM"
"""A body part that no patient has."""


def is_test(values: Mapping[str, str]) -> bool:
    """Whether the hospital marked it, or named it as its staff name phantoms.

    Args:
        values: of the header, as text by keyword.
    """
    return (
        values["QualityControlSubject"].upper() == "YES"
        or values["QualityControlImage"].upper() == "YES"
        or values["ContentQualification"].upper() == "SERVICE"
        or PHANTOM in values["BodyPartExamined"].upper()
        or subjects.is_named_as_test((values["PatientID"], values["PatientName"]))
    )

"""The attributes by which studies, series and instances can be found, and what is answered of each.

Source: DICOM PS3.18 10.6.1.2.3 and 10.6.3.3 (tables 10.6.1-5, 10.6.3-3 to 10.6.3-5); names and VRs of PS3.6.
"""

from enum import IntEnum
from typing import Final, Literal, NamedTuple


class Level(IntEnum):
    """Study, series and instance; patients' attributes are the study's (PS3.4 C.6.2)."""

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


class Attribute(NamedTuple):
    """One attribute of one level.

    Attributes:
        tag: eight hexadecimal digits in upper case.
        answered: R with every match, empty where a file says nothing; C with every match where it is known; otherwise
            when it is asked for or matched.
        computed: the hub says it; no file does.
    """

    level: Level
    tag: str
    keyword: str
    vr: str
    answered: Literal["R", "C", ""] = ""
    computed: bool = False


_Row = tuple[str, str, str] | tuple[str, str, str, Literal["R", "C"]]

_STUDY: Final[tuple[_Row, ...]] = (
    ("00080020", "StudyDate", "DA", "R"),
    ("00080030", "StudyTime", "TM", "R"),
    ("00080050", "AccessionNumber", "SH", "R"),
    ("00080090", "ReferringPhysicianName", "PN", "R"),
    ("00080201", "TimezoneOffsetFromUTC", "SH", "C"),
    ("00081030", "StudyDescription", "LO"),
    ("00081060", "NameOfPhysiciansReadingStudy", "PN"),
    ("00081080", "AdmittingDiagnosesDescription", "LO"),
    ("00100010", "PatientName", "PN", "R"),
    ("00100020", "PatientID", "LO", "R"),
    ("00100021", "IssuerOfPatientID", "LO"),
    ("00100030", "PatientBirthDate", "DA", "R"),
    ("00100032", "PatientBirthTime", "TM"),
    ("00100040", "PatientSex", "CS", "R"),
    ("00101001", "OtherPatientNames", "PN"),
    ("00101010", "PatientAge", "AS"),
    ("00101020", "PatientSize", "DS"),
    ("00101030", "PatientWeight", "DS"),
    ("00104000", "PatientComments", "LT"),
    ("0020000D", "StudyInstanceUID", "UI", "R"),
    ("00200010", "StudyID", "SH", "R"),
)
_SERIES: Final[tuple[_Row, ...]] = (
    ("00080021", "SeriesDate", "DA"),
    ("00080031", "SeriesTime", "TM"),
    ("00080060", "Modality", "CS", "R"),
    ("00080070", "Manufacturer", "LO"),
    ("00080080", "InstitutionName", "LO"),
    ("00081010", "StationName", "SH"),
    ("0008103E", "SeriesDescription", "LO", "C"),
    ("00081040", "InstitutionalDepartmentName", "LO"),
    ("00081050", "PerformingPhysicianName", "PN"),
    ("00081070", "OperatorsName", "PN"),
    ("00081090", "ManufacturerModelName", "LO"),
    ("00180015", "BodyPartExamined", "CS"),
    ("00181030", "ProtocolName", "LO"),
    ("00185100", "PatientPosition", "CS"),
    ("0020000E", "SeriesInstanceUID", "UI", "R"),
    ("00200011", "SeriesNumber", "IS", "R"),
    ("00200060", "Laterality", "CS"),
    ("00400244", "PerformedProcedureStepStartDate", "DA", "C"),
    ("00400245", "PerformedProcedureStepStartTime", "TM", "C"),
    ("00400275", "RequestAttributesSequence", "SQ", "C"),
)
_INSTANCE: Final[tuple[_Row, ...]] = (
    ("00080008", "ImageType", "CS"),
    ("00080016", "SOPClassUID", "UI", "R"),
    ("00080018", "SOPInstanceUID", "UI", "R"),
    ("00080022", "AcquisitionDate", "DA"),
    ("00080023", "ContentDate", "DA"),
    ("0008002A", "AcquisitionDateTime", "DT"),
    ("00080032", "AcquisitionTime", "TM"),
    ("00080033", "ContentTime", "TM"),
    ("00080068", "PresentationIntentType", "CS"),
    ("00185101", "ViewPosition", "CS"),
    ("00200012", "AcquisitionNumber", "IS"),
    ("00200013", "InstanceNumber", "IS", "R"),
    ("00200032", "ImagePositionPatient", "DS"),
    ("00200037", "ImageOrientationPatient", "DS"),
    ("00200062", "ImageLaterality", "CS"),
    ("00201041", "SliceLocation", "DS"),
    ("00204000", "ImageComments", "LT"),
    ("00280002", "SamplesPerPixel", "US"),
    ("00280004", "PhotometricInterpretation", "CS"),
    ("00280008", "NumberOfFrames", "IS", "C"),
    ("00280010", "Rows", "US", "C"),
    ("00280011", "Columns", "US", "C"),
    ("00280030", "PixelSpacing", "DS"),
    ("00280100", "BitsAllocated", "US", "C"),
    ("00280101", "BitsStored", "US"),
    ("0040A043", "ConceptNameCodeSequence", "SQ"),
    ("0040A491", "CompletionFlag", "CS"),
    ("0040A493", "VerificationFlag", "CS"),
    ("00420010", "DocumentTitle", "ST"),
)
_COMPUTED: Final = (
    Attribute(Level.STUDY, "00080056", "InstanceAvailability", "CS", answered="R", computed=True),
    Attribute(Level.STUDY, "00080061", "ModalitiesInStudy", "CS", answered="R", computed=True),
    Attribute(Level.STUDY, "00080062", "SOPClassesInStudy", "UI", computed=True),
    Attribute(Level.STUDY, "00081190", "RetrieveURL", "UR", answered="R", computed=True),
    Attribute(Level.STUDY, "00201206", "NumberOfStudyRelatedSeries", "IS", answered="R", computed=True),
    Attribute(Level.STUDY, "00201208", "NumberOfStudyRelatedInstances", "IS", answered="R", computed=True),
    Attribute(Level.SERIES, "00201209", "NumberOfSeriesRelatedInstances", "IS", answered="R", computed=True),
    Attribute(Level.INSTANCE, "00083002", "AvailableTransferSyntaxUID", "UI", computed=True),
)
ATTRIBUTES: Final = (
    *(Attribute(Level.STUDY, *row) for row in _STUDY),
    *(Attribute(Level.SERIES, *row) for row in _SERIES),
    *(Attribute(Level.INSTANCE, *row) for row in _INSTANCE),
    *_COMPUTED,
)
STORED: Final = tuple(attribute for attribute in ATTRIBUTES if not attribute.computed)
"""What the store keeps of each header."""

ITEMS: Final = {
    "00400275": (("00400009", "ScheduledProcedureStepID", "SH"), ("00401001", "RequestedProcedureID", "SH")),
    "0040A043": (("00080100", "CodeValue", "SH"), ("00080104", "CodeMeaning", "LO")),
}
"""What can be matched inside the items of a sequence, by the sequence's tag."""

BY_NAME: Final = {name: attribute for attribute in ATTRIBUTES for name in (attribute.tag, attribute.keyword)}

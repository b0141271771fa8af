"""Which instances a reader may want to see: the picture that counts and what the model made of it.

Sources: PS3.3 A.35.4 (Key Object Selection Document IOD), PS3.16 TID 2010, CID 7010.
"""

from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset

from services.imaging.dicom import coding
from services.imaging.dicom.report import device
from services.imaging.dicom.told import Told, finished
from services.imaging.domain.results import Kind


def key_objects(told: Told, results: Sequence[Dataset]) -> Dataset:
    """The selection of the picture and the results."""
    chosen = [told.evidence, *results]
    state = "flagged" if told.finding.flagged else "read, not flagged"
    content = KeyObjectSelection(
        coding.OF_INTEREST,
        referenced_objects=chosen,
        observer_device_context=device(told.model),
        description=f"Image {state} by the program {told.model.name} {told.model.version}, with its results. "
        f"{told.finding.coverage.words}. Unsigned: a machine's opinion, not a diagnosis.",
    )
    if told.frames():
        [picture] = [item for item in content[0].ContentSequence if _names(item, told.source)]
        picture.ReferencedSOPSequence[0].ReferencedFrameNumber = told.frames()
    return finished(KeyObjectSelectionDocument(evidence=chosen, content=content, **told.naming(Kind.KEY_OBJECTS)), told)


def _names(item: Dataset, source: Dataset) -> bool:
    """Whether a content item refers to the picture."""
    return any(one.ReferencedSOPInstanceUID == source.SOPInstanceUID for one in item.get("ReferencedSOPSequence", []))

"""All DICOM objects of one answer: overlay, segmentation, structured report, key objects."""

import logging
import warnings
from functools import cache

from pydicom.dataset import Dataset

from services.imaging.dicom.key_objects import key_objects
from services.imaging.dicom.overlay import overlay
from services.imaging.dicom.report import structured_report
from services.imaging.dicom.segments import segmentation
from services.imaging.dicom.told import Told
from services.imaging.dicom.volume_segments import volume_segmentation


def make(told: Told) -> list[Dataset]:
    """The objects, each whole with its file meta information; made again, they are the same."""
    _quiet()
    shown, segmented = overlay(told), volume_segmentation(told) if told.planes else segmentation(told)
    report = structured_report(told, segmented)
    results = [one for one in (shown, segmented, report) if one is not None]
    return [*results, key_objects(told, results)]


@cache
def _quiet() -> None:
    """Highdicom's warnings quote names: no patient goes into a log."""
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="highdicom")

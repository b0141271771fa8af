"""The heat map burnt in colour onto the picture, with words that say what it is not: for viewers without another way.

Source: PS3.3 A.8.1 (Secondary Capture Image IOD), C.7.6.3.1.2 (RGB).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from services.imaging.dicom import derived
from services.imaging.dicom.told import Told, finished
from services.imaging.domain.results import Kind

LONGEST_EDGE: Final = 1024
"""Rows or columns; the evidence behind it is far coarser."""

WORDS: Final = "AI overlay - not for diagnosis"
"""A plain hyphen: the font that comes with Pillow has no dash."""

OPACITY: Final = 0.6
"""Of the strongest evidence; the picture shows through."""

_WARM: Final = np.array([255.0, 90.0, 0.0], dtype=np.float32)
_NARROWEST: Final = 256
"""Columns that the words need; a narrower picture has black beside it."""

_LARGEST: Final = 32
"""Points of the words."""


def overlay(told: Told) -> Dataset | None:
    """The instance; None where the model shows no place."""
    if told.heat is None:
        return None
    made = derived.secondary_capture(told.source, burnt(told.picture, told.heat), told.finding.opinion.frame)
    named = told.naming(Kind.OVERLAY)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = named["sop_instance_uid"]
    made.SeriesInstanceUID = named["series_instance_uid"]
    made.SeriesNumber, made.InstanceNumber = named["series_number"], 1
    made.SeriesDescription = named["series_description"]
    made.ManufacturerModelName, made.SoftwareVersions = told.model.name[:64], told.model.version
    made.DeviceSerialNumber = told.model.digest
    made.ContentDate, made.ContentTime = told.at.strftime("%Y%m%d"), told.at.strftime("%H%M%S.%f")
    made.DerivationDescription = f"Evidence of {told.model.name} {told.model.version} in orange, burnt onto the picture"
    made.ImageComments = WORDS
    return finished(made, told)


def burnt(picture: NDArray[np.float32], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Red, green and blue, shape (rows, columns, 3): the picture, warmer where there is evidence, above the words."""
    rows, columns = picture.shape[:2]
    factor = min(1.0, LONGEST_EDGE / max(rows, columns))
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    grey = Image.fromarray(_eight_bits(picture)).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    strength = Image.fromarray(heat.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    share = np.asarray(strength, dtype=np.float32)[..., np.newaxis] / 255 * OPACITY
    mixed = np.asarray(grey, dtype=np.float32) * (1 - share) + _WARM * share
    words = _words(max(size[0], _NARROWEST))
    beside = ((0, 0), (0, words.shape[1] - size[0]), (0, 0))
    return np.vstack([np.pad(mixed.astype(np.uint8), beside), words])


def _eight_bits(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour as it is, grey from its darkest to its brightest value."""
    if picture.ndim == 3:  # noqa: PLR2004 (rows, columns, colours)
        return picture.clip(0, 255).astype(np.uint8)
    low, high = float(picture.min()), float(picture.max())
    return ((picture - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)


def _words(width: int) -> NDArray[np.uint8]:
    """The words on a band of their own, so that they hide nothing of the picture."""
    points = 10
    while points < _LARGEST and ImageFont.load_default(points + 2).getlength(WORDS) < 0.6 * width:
        points += 2
    font = ImageFont.load_default(points)
    left, top, right, bottom = font.getbbox(WORDS)
    band = Image.new("RGB", (width, round(bottom - top + points)))
    place = ((width - (right - left)) / 2 - left, points / 2 - top)
    ImageDraw.Draw(band).text(place, WORDS, fill=(255, 255, 255), font=font)
    return np.asarray(band)

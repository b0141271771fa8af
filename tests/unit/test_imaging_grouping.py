"""Pictures are decoded in order, a few at a time, and never more of them than memory is meant for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from services.imaging import files
from services.imaging.dicom import derived, header, pixels
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.tasks import grouping
from shared.errors import Unavailable


@pytest.fixture
def series(tmp_path: Path) -> list[Instance]:
    """Twenty small slices on disk; each shows its number."""
    source = Dataset()
    source.SOPClassUID, source.SOPInstanceUID, source.StudyInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.1", "1.2"
    source.PatientID, source.PatientName = "SYN-1", "Synthetic^One"
    made = []
    for number in range(20):
        whole = derived.secondary_capture(source, np.full((8, 12), number, np.uint8))
        whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
        whole.SeriesInstanceUID = "1.2.3"
        kept = files.write(tmp_path, derived.part10(whole))
        made.append(header.describe(whole, kept.digest, kept.size))
    return made


def numbers(group: list[grouping.Shown]) -> list[float]:
    return [float(shown.picture.max()) for shown in group if not isinstance(shown.picture, Unreadable)]


def test_every_picture_comes_once_in_order_and_no_group_is_too_large(series: list[Instance], tmp_path: Path) -> None:
    groups = list(grouping.groups(series, tmp_path))
    assert [number for group in groups for number in numbers(group)] == list(range(20))
    assert [len(group) for group in groups] == [8, 8, 4]


def test_large_pictures_come_in_smaller_groups(
    series: list[Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "HELD", 3 * 8 * 12 * 4)
    assert [len(group) for group in grouping.groups(series, tmp_path)] == [3, 3, 3, 3, 3, 3, 2]


def test_no_more_is_decoded_than_the_model_will_look_at_soon(
    series: list[Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    known = pixels.picture

    def counted(path: Path, frame: int) -> NDArray[np.float32]:
        decoded.append(path)
        return known(path, frame)

    monkeypatch.setattr(pixels, "picture", counted)
    next(grouping.groups(series, tmp_path))
    assert len(decoded) == grouping.TOGETHER


def test_a_picture_that_cannot_be_decoded_stands_at_its_place(series: list[Instance], tmp_path: Path) -> None:
    files.path_of(tmp_path, series[1].digest).write_bytes(b"no picture")
    [group] = grouping.groups(series[:3], tmp_path)
    assert [isinstance(shown.picture, Unreadable) for shown in group] == [False, True, False]
    assert [shown.instance for shown in group] == series[:3]


def test_a_store_that_is_away_is_no_unreadable_picture(series: list[Instance], tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        list(grouping.groups([*series[:1], replace(series[1], digest="0" * 64)], tmp_path))

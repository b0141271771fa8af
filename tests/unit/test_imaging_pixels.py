"""Every common transfer syntax, decoded and shown as decoders that are not ours do it (DCMTK 3.6.7, GDCM 3.2.6)."""

import json
import math
import tracemalloc
from hashlib import sha256
from importlib.metadata import files
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.processing import apply_windowing
from pydicom.tag import BaseTag
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from services.imaging.dicom import header, pixels, rendering, transcoding
from services.imaging.dicom.codestream import Size, declared
from services.imaging.dicom.header import Unreadable
from services.imaging.dicom.rendering import Window

FOREIGN: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "pixels.json").read_text())
"""By file: SHA-256 of the first frame's values, of lossy ones mean and spread; and as shown, means of 4 x 4 fields."""

OFF_LOSSY: Final = 0.05
"""Grey levels by which two JPEG decoders differ on average: the inverse DCT is not specified to the last bit."""

OFF_SHOWN: Final = 1.6
"""Grey levels of 256 between two displays: each rounds twice."""

SLOW: Final = frozenset({"RG1_J2KR.dcm", "RG3_J2KR.dcm", "MR2_J2KR.dcm", "RG1_J2KI.dcm"})
"""Some seconds each; smaller files of the same kind are here."""


SEVERAL: Final = (
    *("MR_small.dcm", "SC_rgb_2frame.dcm", "color-pl.dcm", "SC_ybr_full_422_uncompressed.dcm", "emri_small_RLE.dcm"),
    *(
        "emri_small.dcm",
        "emri_small_big_endian.dcm",
        "image_dfl.dcm",
        "rtdose.dcm",
        "liver.dcm",
        "SC_rgb_small_odd.dcm",
    ),
)
"""By pixel and by plane, in bits, compressed, deflated, of one frame and of many."""


def file(name: str) -> Path:
    own = Path(pydicom.__file__).parent / "data" / "test_files" / name
    if own.is_file():
        return own
    return Path(str(next(each for each in files("pydicom-data") or [] if each.name == name).locate()))


@pytest.mark.parametrize("name", sorted(FOREIGN.keys() - SLOW))
def test_a_frame_is_what_another_decoder_makes_of_it(name: str) -> None:
    expected, described = FOREIGN[name], dcmread(file(name), stop_before_pixels=True)
    content = pixels.frame(file(name), 1)
    if described.BitsAllocated == 1:
        assert sha256(content).hexdigest() == expected["sha256"]
    else:
        values = np.frombuffer(content, f"<u{described.BitsAllocated // 8}")
        values = values & values.dtype.type((1 << described.BitsStored) - 1)
        assert values.size == described.Rows * described.Columns * described.get("SamplesPerPixel", 1)
        if "sha256" in expected:
            assert sha256(values.tobytes()).hexdigest() == expected["sha256"]
        elif "mean" in expected:
            assert math.isclose(values.mean(), expected["mean"], abs_tol=OFF_LOSSY)
            assert math.isclose(values.std(), expected["spread"], abs_tol=OFF_LOSSY)
    if "shown" in expected:
        assert fields(rendering.shown(file(name), 0)) == pytest.approx(expected["shown"], abs=OFF_SHOWN)


def fields(shown: NDArray[np.uint8]) -> list[float]:
    picture = shown.reshape(*shown.shape[:2], -1).astype(float)
    side = 4 if min(picture.shape[:2]) >= 4 else 1
    parts = [part for row in np.array_split(picture, side) for part in np.array_split(row, side, axis=1)]
    return [float(sample) for part in parts for sample in part.mean(axis=(0, 1))]


@pytest.mark.parametrize("name", ["MR_small_expb.dcm", "rtdose_expb_1frame.dcm", "OBXXXX1A_expb.dcm", "image_dfl.dcm"])
def test_a_file_in_explicit_little_endian_has_the_same_pixels_and_colours(name: str, tmp_path: Path) -> None:
    plain = tmp_path / "plain.dcm"
    plain.write_bytes(transcoding.explicit(file(name)))
    assert pixels.frame(plain, 1) == pixels.frame(file(name), 1)
    assert np.array_equal(rendering.shown(plain, 0), rendering.shown(file(name), 0))
    assert header.parse(plain, "0" * 64, 1).attributes == header.parse(file(name), "0" * 64, 1).attributes


@pytest.mark.parametrize(
    ("window", "function"),
    [((40.0, 400.0), "LINEAR"), ((40.0, 400.0), "LINEAR_EXACT"), ((-600.0, 1500.0), "SIGMOID"), ((0.5, 1.0), "LINEAR")],
)
def test_each_window_function_is_the_standards(window: tuple[float, float], function: Any) -> None:
    values = np.arange(-1200, 1200, dtype=np.float64).reshape(40, 60)
    described = Dataset()
    described.PhotometricInterpretation, described.PixelRepresentation, described.BitsStored = "MONOCHROME2", 0, 8
    described.WindowCenter, described.WindowWidth, described.VOILUTFunction = *window, function
    assert np.allclose(rendering.ramp(values, Window(*window, function)) * 255, apply_windowing(values, described))


def test_frames_of_an_enhanced_file_have_each_their_own_window() -> None:
    made = dcmread(file("eCT_Supplemental.dcm"), stop_before_pixels=True)
    [shared] = made.SharedFunctionalGroupsSequence
    window = Dataset()
    window.WindowCenter, window.WindowWidth = 100, 50
    made.PerFrameFunctionalGroupsSequence[1].FrameVOILUTSequence = [window]
    first, second = (rendering.window_of(rendering.tones(made, index)) for index in (0, 1))
    assert first == rendering.window_of(shared.FrameVOILUTSequence[0] if "FrameVOILUTSequence" in shared else made)
    assert second == Window(100, 50, "LINEAR")


@pytest.mark.parametrize("width", [None, "", 0, -5, "NaN", "inf"])
def test_a_window_that_is_none_is_not_used(width: Any) -> None:
    tone = Dataset()
    tone.WindowCenter, tone.WindowWidth = 5, width
    assert rendering.window_of(tone) is None


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("JPGExtended.dcm", Size(1024, 256, 1)),
        ("SC_rgb_jpeg_gdcm.dcm", Size(100, 100, 3)),
        ("MR_small_jpeg_ls_lossless.dcm", Size(64, 64, 1)),
        ("examples_jpeg2k.dcm", Size(480, 640, 3)),
        ("MR_small_RLE.dcm", None),
    ],
)
def test_a_compressed_frame_says_its_size(name: str, size: Size | None) -> None:
    compressed = pixels.stored_frame(file(name), 1)
    assert declared(compressed) == size
    for end in range(0, min(len(compressed), 400), 7):
        assert declared(compressed[:end]) in {None, size}


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"])
def test_a_frame_that_claims_to_be_larger_than_its_header_says_never_reaches_a_decoder(
    name: str, tmp_path: Path
) -> None:
    made = dcmread(file(name))
    [compressed] = generate_frames(made.PixelData, number_of_frames=1)
    width = 4 if "jp2" in name else 2
    edges = (_edges(made, width), (60_000, 60_000))
    size, claimed = (b"".join(edge.to_bytes(width, "big") for edge in each) for each in edges)
    assert size in compressed
    made.PixelData = encapsulate([compressed.replace(size, claimed, 1)])
    made.save_as(tmp_path / "bomb.dcm")
    with pytest.raises(Unreadable, match="another size"):
        pixels.frame(tmp_path / "bomb.dcm", 1)


def _edges(made: Dataset, width: int) -> tuple[int, int]:
    """JPEG 2000 (4 bytes) says the width first."""
    return (made.Columns, made.Rows) if width == 4 else (made.Rows, made.Columns)


def test_a_compressed_frame_that_is_longer_than_its_pixels_is_no_picture(tmp_path: Path) -> None:
    made = dcmread(file("MR_small_RLE.dcm"))
    made.PixelData = encapsulate([b"\0" * 200_000])
    made.save_as(tmp_path / "long.dcm")
    with pytest.raises(Unreadable, match="longer"):
        pixels.frame(tmp_path / "long.dcm", 1)


def test_too_many_pixels_for_one_answer_are_not_decompressed(tmp_path: Path) -> None:
    made = dcmread(file("MR_small_RLE.dcm"))
    made.NumberOfFrames = 10**6
    made.save_as(tmp_path / "many.dcm")
    with pytest.raises(Unreadable, match="too large"):
        transcoding.explicit(tmp_path / "many.dcm")


def test_a_colour_picture_with_an_odd_number_of_bytes_keeps_its_last_pixel(tmp_path: Path) -> None:
    made = dcmread(file("SC_rgb_small_odd.dcm"))
    made.compress(RLELossless, generate_instance_uid=False)
    made.save_as(tmp_path / "odd.dcm")
    expected = dcmread(file("SC_rgb_small_odd.dcm")).pixel_array
    assert np.array_equal(rendering.shown(tmp_path / "odd.dcm", 0), expected)
    assert len(pixels.frame(tmp_path / "odd.dcm", 1)) == 27


def test_a_transfer_syntax_that_is_not_that_of_its_frames_is_unreadable(tmp_path: Path) -> None:
    made = dcmread(file("MR_small_RLE.dcm"))
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    made.save_as(buffer := BytesIO())
    (tmp_path / "other.dcm").write_bytes(buffer.getvalue())
    with pytest.raises(Unreadable):
        pixels.frame(tmp_path / "other.dcm", 1)


@pytest.mark.parametrize("name", SEVERAL)
def test_all_frames_at_once_are_each_of_them_one_after_the_other(name: str) -> None:
    count = int(dcmread(file(name), stop_before_pixels=True).get("NumberOfFrames") or 1)
    each = [pixels.frame(file(name), number) for number in range(1, count + 1)]
    assert b"".join(pixels.frames_of(file(name), count)) == b"".join(each)


@pytest.mark.parametrize("order", [range(3), [2]])
def test_frames_of_one_bit_a_pixel_may_begin_in_the_middle_of_a_byte(tmp_path: Path, order: Any) -> None:
    values = np.random.default_rng(1).integers(0, 2, (3, 5, 7), np.uint8)
    made = dcmread(file("liver_1frame.dcm"))
    made.NumberOfFrames, made.Rows, made.Columns = values.shape
    packed = np.packbits(values.reshape(-1), bitorder="little").tobytes()
    made.PixelData = packed + bytes(len(packed) % 2)
    made.save_as(tmp_path / "odd.dcm")
    for index in order:
        assert np.array_equal(pixels.decode(tmp_path / "odd.dcm", index, raw=True)[0], values[index])


@pytest.mark.parametrize(
    "value", [(0x00280100, "ZZ", b"\x10\0"), (0x00280010, "FD", b"\x40\0"), (0x00280008, "FD", b"1 ")]
)
def test_a_header_that_nobody_can_read_is_an_unreadable_picture(tmp_path: Path, value: tuple[int, str, bytes]) -> None:
    made = dcmread(file("MR_small.dcm"))
    made[value[0]] = RawDataElement(BaseTag(value[0]), value[1], 2, value[2], 0, False, True)
    made.save_as(tmp_path / "odd.dcm")
    for look in (pixels.frame, pixels.picture, pixels.stored_frame):
        with pytest.raises(Unreadable):
            look(tmp_path / "odd.dcm", 1)
    with pytest.raises(Unreadable):
        rendering.shown(tmp_path / "odd.dcm", 0)


def test_a_picture_is_shown_the_same_in_strips_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MR_small.dcm", "vlut_04.dcm", "mlut_18.dcm"):
        at_once = rendering.shown(file(name), 0)
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "STRIP", 7)
            assert np.array_equal(rendering.shown(file(name), 0), at_once)


def test_a_large_picture_is_shown_within_bounds_of_memory(tmp_path: Path) -> None:
    made = dcmread(file("MR_small.dcm"))
    made.Rows = made.Columns = 4096
    made.PixelData = bytes(2 * made.Rows * made.Columns)
    made.save_as(tmp_path / "large.dcm")
    tracemalloc.start()
    rendering.shown(tmp_path / "large.dcm", 0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 * made.Rows * made.Columns, "bytes a pixel"
    made.Rows = 2 * made.Rows + 1
    made.Columns *= 2
    made.save_as(tmp_path / "larger.dcm")
    with pytest.raises(Unreadable, match="too large"):
        pixels.frame(tmp_path / "larger.dcm", 1)

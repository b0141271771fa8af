"""Headers, pixels and the derived heat map, on files made here and on the package's real ones."""

from importlib.metadata import files
from pathlib import Path

import numpy as np
import orjson
import pydicom
import pytest
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import RLELossless

from services.imaging.dicom import derived, header, metadata, pixels
from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.attributes import STORED
from services.imaging.domain.instance import Failure
from services.imaging.inference.heatmap import strongest
from shared.errors import NotFound

REAL = ["RG1_J2KR.dcm", "RG1_J2KI.dcm", "RG1_UNCR.dcm", "RG3_J2KR.dcm"]

CT = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"


def real(name: str) -> Path:
    found = next(file for file in files("pydicom-data") or [] if file.name == name)
    return Path(str(found.locate()))


@pytest.mark.parametrize("name", REAL)
def test_a_real_radiograph_is_described_as_pydicom_reads_it(name: str) -> None:
    made = dcmread(real(name))
    found = header.parse(real(name), "0" * 64, 1)
    assert (found.uid, found.study, found.series) == (
        made.SOPInstanceUID,
        made.StudyInstanceUID,
        made.SeriesInstanceUID,
    )
    assert (found.rows, found.columns) == (made.Rows, made.Columns)
    assert found.birth_date == made.PatientBirthDate
    assert found.has_pixels


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_real_radiograph_cut_anywhere_is_damaged(tmp_path: Path, name: str, kept: float) -> None:
    whole = real(name).read_bytes()
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(NotTaken) as refused:
        header.parse(cut, "0" * 64, 1)
    assert refused.value.reason is Failure.DAMAGED


@pytest.mark.parametrize("seed", range(40))
def test_no_flipped_bytes_make_the_parser_fall_over(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(real("RG1_J2KR.dcm").read_bytes()[:20_000])
    for place in random.integers(132, 3000, size=12):
        content[place] = random.integers(256)
    file = tmp_path / "flipped.dcm"
    file.write_bytes(content)
    with pytest.raises(NotTaken):
        header.parse(file, "0" * 64, 1)


def test_every_encoding_of_one_radiograph_decodes_to_the_same_frame(tmp_path: Path) -> None:
    plain = dcmread(real("RG1_UNCR.dcm"))
    plain.compress(RLELossless, generate_instance_uid=False)
    plain.save_as(tmp_path / "rle.dcm")
    expected = pixels.frame(real("RG1_UNCR.dcm"), 1)
    assert pixels.frame(tmp_path / "rle.dcm", 1) == expected
    assert pixels.frame(real("RG1_J2KR.dcm"), 1) == expected


def test_a_claim_of_too_many_pixels_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    made = dcmread(real("RG1_J2KR.dcm"))
    made.Rows = made.Columns = 65535
    made.save_as(tmp_path / "huge.dcm")
    with pytest.raises(header.Unreadable, match="too large"):
        pixels.frame(tmp_path / "huge.dcm", 1)


def test_metadata_names_what_is_long_and_its_address_leads_to_the_bytes(tmp_path: Path) -> None:
    made = dcmread(real("RG1_UNCR.dcm"))
    item = Dataset()
    item.add_new((0x0042, 0x0011), "OB", b"y" * 5000)
    made.add_new((0x0009, 0x0010), "LO", "SOMEBODY")
    made.add_new((0x0009, 0x1001), "OB", b"x" * 200_000)
    made.add_new((0x0009, 0x1002), "OB", b"short ")
    made.add_new((0x0040, 0xA043), "SQ", [item])
    made.save_as(tmp_path / "long.dcm")
    shown = orjson.loads(metadata.to_json(tmp_path / "long.dcm", "https://hub.example/bulkdata", has_pixels=True))
    assert shown["7FE00010"] == {"vr": "OW", "BulkDataURI": "https://hub.example/bulkdata/7FE00010"}
    assert shown["00091001"] == {"vr": "OB", "BulkDataURI": "https://hub.example/bulkdata/00091001"}
    assert shown["00091002"]["InlineBinary"] == "c2hvcnQg"
    assert shown["0040A043"]["Value"][0]["00420011"]["BulkDataURI"].endswith("bulkdata/0040A043/0/00420011")
    assert metadata.bulk(tmp_path / "long.dcm", "00091001") == b"x" * 200_000
    assert metadata.bulk(tmp_path / "long.dcm", "0040A043/0/00420011") == b"y" * 5000
    assert shown["00100020"]["Value"] == ["9RG1"]
    for place in ("00100020", "0040A043", "0040A043/7/00420011", "x", "", "0040A043/0", "FFFFFFFFFF"):
        with pytest.raises(NotFound):
            metadata.bulk(tmp_path / "long.dcm", place)


def test_a_heat_map_made_twice_is_the_same_file_and_points_to_its_picture() -> None:
    source = dcmread(real("RG1_UNCR.dcm"), stop_before_pixels=True)
    heat = np.linspace(0, 1, source.Rows * source.Columns, dtype=np.float32).reshape(source.Rows, source.Columns)
    first, second = (derived.heat_map(source, heat, "a-model", "1.0.0") for _ in range(2))
    assert derived.part10(first) == derived.part10(second)
    assert max(first.Rows, first.Columns) == derived.LONGEST_EDGE
    assert first.Rows / first.Columns == pytest.approx(source.Rows / source.Columns, rel=0.01)
    assert first.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert first.StudyInstanceUID == source.StudyInstanceUID
    assert first.SeriesInstanceUID != source.SeriesInstanceUID
    assert derived.heat_map(source, heat, "a-model", "1.0.1").SOPInstanceUID != first.SOPInstanceUID


def test_the_description_of_a_heat_map_is_what_its_file_says(tmp_path: Path) -> None:
    source = dcmread(real("RG1_UNCR.dcm"), stop_before_pixels=True)
    made = derived.heat_map(source, np.zeros((source.Rows, source.Columns), np.float32), "a-model", "1.0.0")
    content = derived.part10(made)
    file = tmp_path / "heat.dcm"
    file.write_bytes(content)
    described = header.describe(made, "d", len(content))
    assert described.hub_made
    parsed = header.parse(file, "d", len(content))
    assert vars(parsed) | {"hub_made": True} == vars(described)


def test_the_region_is_the_box_around_the_strong_half() -> None:
    heat = np.zeros((100, 200), np.float32)
    heat[20:30, 40:80] = 0.8
    heat[0, 0] = 0.1
    region = strongest(heat)
    assert region is not None
    assert tuple(region) == pytest.approx((0.2, 0.2, 0.1, 0.2))
    assert strongest(np.zeros((10, 10), np.float32)) is None


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_overlay.dcm", "MR_small_bigendian.dcm", "rtdose.dcm"])
def test_what_searches_find_is_what_pydicom_reads(name: str) -> None:
    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    made = dcmread(path, stop_before_pixels=True)
    expected = made.to_json_dict(suppress_invalid_tags=True)
    found = header.parse(path, "0" * 64, path.stat().st_size).attributes
    assert len(found) > 15
    for tag, element in found.items():
        if element["vr"] != "SQ":
            assert element["Value"] == expected[tag]["Value"], tag
    missing = {attribute.tag for attribute in STORED if expected.get(attribute.tag, {}).get("Value")} - found.keys()
    assert missing == set()


def test_a_name_in_several_character_sets_is_found_in_its_groups(tmp_path: Path) -> None:
    made = dcmread(real("RG1_UNCR.dcm"))
    made.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    made.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    made.save_as(tmp_path / "name.dcm")
    found = header.parse(tmp_path / "name.dcm", "0" * 64, 1).attributes["00100010"]["Value"]
    assert found == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}]


@pytest.mark.parametrize("number", ["9" * 20, "-" + "9" * 30])
@pytest.mark.parametrize("keyword", ["SeriesNumber", "InstanceNumber", "NumberOfFrames"])
def test_a_number_that_no_database_keeps_is_not_found_by_and_keeps_nobody_out(
    tmp_path: Path, keyword: str, number: str
) -> None:
    found = header.parse(spoiled(tmp_path, keyword, "IS", number.encode()), "0" * 64, 1)
    assert orjson.dumps([vars(found)])
    assert keyword_tag(keyword) not in found.attributes or found.attributes[keyword_tag(keyword)]["Value"] == []


def test_a_transfer_syntax_that_is_no_uid_is_damage(tmp_path: Path) -> None:
    plain = CT.read_bytes()
    (tmp_path / "odd.dcm").write_bytes(plain.replace(b"\2\0\x10\0UI", b"\2\0\x10\0ZZ", 1))
    with pytest.raises(NotTaken) as refused:
        header.parse(tmp_path / "odd.dcm", "0" * 64, len(plain))
    assert refused.value.reason is Failure.DAMAGED


@pytest.mark.parametrize("frames", ["0", "-3", "1x"])
def test_a_picture_has_one_frame_at_least(tmp_path: Path, frames: str) -> None:
    assert header.parse(spoiled(tmp_path, "NumberOfFrames", "IS", frames.encode()), "0" * 64, 1).frames == 1


@pytest.mark.parametrize(("vr", "value"), [("ZZ", b"ab"), ("FD", b"abc "), ("Lo", b"ab")])
def test_metadata_leave_out_what_is_damaged_and_show_the_rest(tmp_path: Path, vr: str, value: bytes) -> None:
    shown = orjson.loads(metadata.to_json(spoiled(tmp_path, "ProtocolName", vr, value), "x", has_pixels=True))
    assert shown["00080018"]["Value"] == [dcmread(CT).SOPInstanceUID]
    assert "00181030" not in shown


def test_metadata_are_not_made_of_sequences_without_end(tmp_path: Path) -> None:
    made = dcmread(CT)
    item = b"\xfe\xff\x00\xe0\0\0\0\0" * (metadata.MOST_ITEMS + 1)
    made[0x00400275] = RawDataElement(BaseTag(0x00400275), "SQ", len(item), item, 0, False, True)
    made.save_as(tmp_path / "items.dcm")
    with pytest.raises(header.Unreadable, match="too many"):
        metadata.to_json(tmp_path / "items.dcm", "x", has_pixels=True)


def spoiled(folder: Path, keyword: str, vr: str, value: bytes) -> Path:
    """A CT whose element holds bytes that its VR does not allow."""
    made = dcmread(CT)
    tag = BaseTag(int(keyword_tag(keyword), 16))
    value += b" " * (len(value) % 2)
    made[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    made.save_as(folder / "spoiled.dcm")
    return folder / "spoiled.dcm"


def keyword_tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"

"""The DICOM objects of an answer: free of errors by the validator, of the same patient and study, and never final."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    EnhancedMRImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from services.imaging.dicom import derived, header, overlay, results
from services.imaging.dicom.told import Told
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Category, Code, Concept, IntendedUse, Measure, Model, Task
from services.imaging.domain.reading import Coverage, Finding, Opinion, Region
from services.imaging.domain.results import instance_uid, kinds

VALIDATOR = Path(sys.executable).parent / "dciodvfy"
SNOMED = "http://snomed.info/sct"
AT = datetime(2026, 6, 1, 10, 20, 3, 4000, tzinfo=UTC)
USE = IntendedUse(frozenset({"CR"}), frozenset({"CHEST"}))
LUNG = Concept("Lung structure", (Code(SNOMED, "39607008", "Lung structure"),))
PNEUMONIA = Category(Concept("Pneumonia", (Code(SNOMED, "233604007", "Pneumonia"),)), 0.5, True)
EXPECTED_WARNINGS = ("99CONSILIUM", "DICOMDIR")
"""The hub's own codes, which the validator cannot know, and what a DICOMDIR would want of the source's study."""


def source(**changes: object) -> Dataset:
    """The header of an invented child's radiograph."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID, made.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3.4"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    made.PatientName, made.PatientID, made.IssuerOfPatientID = "Müller^Zoë", "SYN-1", "ST-LUKE"
    made.PatientBirthDate, made.PatientSex = "20230105", "F"
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20260601", "101500", "1", "A-1"
    made.Modality, made.BodyPartExamined = "CR", "CHEST"
    made.Rows, made.Columns = 120, 160
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


def classifier() -> Model:
    return Model("chest", "1.0.0", "a" * 64, "Pneumonia", Task.CLASSIFICATION, (PNEUMONIA,), USE, LUNG)


def segmenter(*more: Category) -> Model:
    vessel = Category(Concept("Vessel", (Code(SNOMED, "59820001", "Blood vessel structure"),)), 0.5, False)
    area = Measure(Concept("Vessel area", ()), "%", "field of view")
    return Model("vessels", "2.1.0", "b" * 64, "Vessels", Task.SEGMENTATION, (vessel, *more), USE, LUNG, area)


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Told]:
    """Call it for what a model told about a picture."""

    def make(model: Model, **header_changes: object) -> Told:
        given = source(**header_changes)
        picture = np.tile(np.linspace(0, 3000, 160, dtype=np.float32), (120, 1))
        heat = np.zeros((60, 80), np.float32)
        heat[20:30, 20:40] = 255
        mask = np.zeros((120, 160), np.uint8)
        mask[40:60, 40:80] = 1
        scores = tuple(0.93 - place / 10 for place in range(len(model.categories)))
        region = Region(1 / 3, 0.25, 1 / 6, 0.25)
        opinion = Opinion(described(given, tmp_path), scores, True, region, 1, 12.5)
        return Told(
            model,
            Finding(opinion, 0, True, Coverage(1)),
            given,
            picture,
            heat,
            mask if model.task is Task.SEGMENTATION else None,
            AT,
        )

    return make


def described(given: Dataset, folder: Path) -> Instance:
    """The instance as the hub's door sees it."""
    whole = derived.secondary_capture(given, np.zeros((120, 160), np.uint8))
    whole.SOPInstanceUID, whole.SeriesInstanceUID = given.SOPInstanceUID, given.SeriesInstanceUID
    path = folder / "source.dcm"
    path.write_bytes(derived.part10(whole))
    return header.parse(path, "0" * 64, 1)


def complaints(made: Dataset, folder: Path) -> list[str]:
    """What the validator says, without the expected warnings."""
    path = folder / "made.dcm"
    path.write_bytes(derived.part10(made))
    said = subprocess.run([VALIDATOR, "-new", path], capture_output=True, text=True, check=False)
    lines = f"{said.stdout}{said.stderr}".splitlines()
    return [line for line in lines if line and "-" in line and not any(words in line for words in EXPECTED_WARNINGS)]


@pytest.mark.parametrize("model", [classifier(), segmenter(), segmenter(PNEUMONIA)], ids=["one", "area", "both"])
def test_the_validator_finds_neither_error_nor_unexpected_warning(
    model: Model, told: Callable[..., Told], tmp_path: Path
) -> None:
    made = results.make(told(model))
    modalities = ["OT", "SEG", "SR", "KO"] if model.task is Task.SEGMENTATION else ["OT", "SR", "KO"]
    assert [one.Modality for one in made] == modalities
    assert {one.Modality: found for one in made if (found := complaints(one, tmp_path))} == {}


@pytest.mark.parametrize(
    ("modality", "plant"),
    [
        ("SR", lambda made: setattr(made, "CompletionFlag", "PERHAPS")),
        ("SEG", lambda made: delattr(made.SegmentSequence[0], "SegmentedPropertyTypeCodeSequence")),
        ("OT", lambda made: delattr(made, "ConversionType")),
        ("KO", lambda made: delattr(made, "CurrentRequestedProcedureEvidenceSequence")),
    ],
)
def test_the_validator_finds_what_is_planted(
    modality: str, plant: Callable[[Dataset], None], told: Callable[..., Told], tmp_path: Path
) -> None:
    [made] = [one for one in results.make(told(segmenter())) if one.Modality == modality]
    plant(made)
    assert any(line.startswith("Error") for line in complaints(made, tmp_path))


def test_what_is_made_again_is_the_same_to_the_last_byte(told: Callable[..., Told]) -> None:
    first, second = ([derived.part10(one) for one in results.make(told(segmenter()))] for _ in range(2))
    assert first == second


def test_every_object_is_of_the_same_patient_and_study_in_a_series_of_its_own(
    told: Callable[..., Told], tmp_path: Path
) -> None:
    path, read = tmp_path / "made.dcm", []
    for one in results.make(told(segmenter())):
        path.write_bytes(derived.part10(one))
        read.append(dcmread(path))
    for one in read:
        assert (str(one.PatientName), one.PatientID, one.IssuerOfPatientID) == ("Müller^Zoë", "SYN-1", "ST-LUKE")
        assert (one.StudyInstanceUID, one.AccessionNumber, one.PatientSex) == ("1.2.3", "A-1", "F")
        assert one.SOPInstanceUID.startswith("2.25.")
    assert len({one.SeriesInstanceUID for one in read}) == len(read)


def test_the_report_says_what_was_found_how_surely_where_and_by_which_program(told: Callable[..., Told]) -> None:
    report = next(one for one in results.make(told(classifier())) if one.Modality == "SR")
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    said = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in leaves(report)}
    assert said["Finding"].ConceptCodeSequence[0].CodeValue == "233604007"
    assert said["Finding Site"].ConceptCodeSequence[0].CodeValue == "39607008"
    assert float(said["Certainty of Finding"].MeasuredValueSequence[0].NumericValue) == 93
    assert said["AI finding state"].ConceptCodeSequence[0].CodeValue == "flagged"
    assert said["Algorithm Name"].TextValue == "chest"
    assert said["Algorithm Version"].TextValue == "1.0.0"
    assert "a" * 64 in said["Algorithm Parameters"].TextValue
    assert said["Tracking Unique Identifier"].UID.startswith("2.25.")
    assert said["Observer Type"].ConceptCodeSequence[0].CodeMeaning == "Device"
    outline = said["Image Region"]
    assert list(outline.GraphicData) == [40, 40, 80, 40, 80, 60, 40, 60, 40, 40]
    assert outline.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"


def test_the_report_and_the_key_objects_say_what_was_not_read_and_what_is_not_checked(
    told: Callable[..., Told],
) -> None:
    given = told(replace(classifier(), limits=("lateral views",)))
    made = results.make(replace(given, finding=replace(given.finding, coverage=Coverage(2, 1, 0, 3))))
    texts = {one.Modality: [item.TextValue for item in leaves(one) if "TextValue" in item] for one in made}
    why = "1 could not be decoded, 3 not of a kind that the model reads"
    assert f"Read 2 of 6 images: {why}." in texts["SR"]
    assert f"Not checked: 4 of 6 images: {why}" in texts["SR"]
    assert "Not checked: lateral views" in texts["SR"]
    assert any(f"Read 2 of 6 images: {why}." in text for text in texts["KO"])


def test_the_segmentation_marks_the_pixels_of_the_mask_and_names_what_they_are(told: Callable[..., Told]) -> None:
    made = next(one for one in results.make(told(segmenter())) if one.Modality == "SEG")
    frames = made.pixel_array.reshape(-1, 120, 160)
    assert frames.sum() == 20 * 40
    assert frames[0][40:60, 40:80].all()
    [segment] = made.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "59820001"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "2.1.0"


def enhanced(frames: int) -> dict[str, object]:
    """What a header of a multi-frame MR says of its frames: they lie 5 mm apart."""

    def item(**values: object) -> Dataset:
        made = Dataset()
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.5], SliceThickness=5.0)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])],
    )
    each = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[-10.0, -20.0, 5.0 * place])]) for place in range(frames)
    ]
    return {
        "SOPClassUID": EnhancedMRImageStorage,
        "Modality": "MR",
        "NumberOfFrames": frames,
        "FrameOfReferenceUID": "1.2.3.9",
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": each,
    }


@pytest.mark.parametrize(
    "header_changes",
    [enhanced(3), {"SOPClassUID": UltrasoundMultiFrameImageStorage, "Modality": "US", "NumberOfFrames": 3}],
    ids=["enhanced MR", "ultrasound"],
)
def test_of_many_frames_every_object_names_the_one_that_was_read(
    header_changes: dict[str, object], told: Callable[..., Told], tmp_path: Path
) -> None:
    given = second_of_three(told(segmenter(), **header_changes))
    made = {one.Modality: one for one in results.make(given)}
    assert {name: found for name, one in made.items() if (found := complaints(one, tmp_path))} == {}
    assert set(made) == {"OT", "SEG", "SR", "KO"}
    for name, one in made.items():
        pointed = [item for item in references(one) if item.ReferencedSOPInstanceUID == "1.2.3.4"]
        assert {item.ReferencedSOPClassUID for item in pointed} == {header_changes["SOPClassUID"]}
        assert {item.ReferencedFrameNumber for item in pointed if "ReferencedFrameNumber" in item} == {2}, name
    assert made["SEG"].pixel_array.sum() == 20 * 40
    if "FrameOfReferenceUID" in header_changes:
        [group] = made["SEG"].PerFrameFunctionalGroupsSequence
        assert list(group.PlanePositionSequence[0].ImagePositionPatient) == [-10, -20, 5]


def second_of_three(given: Told) -> Told:
    opinion = replace(given.finding.opinion, frame=2, instance=replace(given.finding.opinion.instance, frames=3))
    return replace(given, finding=replace(given.finding, opinion=opinion))


def references(made: Dataset) -> list[Dataset]:
    """Every item that refers to an instance."""
    here = [made] if "ReferencedSOPInstanceUID" in made else []
    below = [item for element in made if element.VR == "SQ" for item in element.value]
    return here + [found for item in below for found in references(item)]


def test_a_segmentation_lies_where_its_slice_lies(told: Callable[..., Told], tmp_path: Path) -> None:
    where = {
        "FrameOfReferenceUID": "1.2.3.9",
        "ImagePositionPatient": [1, 2, 3],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.5, 0.25],
        "SliceThickness": 5,
    }
    given = told(segmenter(), SOPClassUID=CTImageStorage, Modality="CT", **where)
    [made] = [one for one in results.make(given) if one.Modality == "SEG"]
    shared, [group] = made.SharedFunctionalGroupsSequence[0], made.PerFrameFunctionalGroupsSequence
    assert made.FrameOfReferenceUID == "1.2.3.9"
    assert list(group.PlanePositionSequence[0].ImagePositionPatient) == [1, 2, 3]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [0.5, 0.25]
    assert {item.ReferencedSOPClassUID for item in references(made)} == {CTImageStorage}
    assert complaints(made, tmp_path) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"FrameOfReferenceUID": "1.2.3.9"},
        {"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        {"PixelSpacing": [0, 0]},
        {"ImagePositionPatient": None, "ImageOrientationPatient": [1, 0, 0], "FrameOfReferenceUID": "1.2.3.9"},
        {"SharedFunctionalGroupsSequence": [], "PerFrameFunctionalGroupsSequence": []},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_a_picture_that_does_not_say_where_it_lies_has_its_segmentation_all_the_same(
    odd: dict[str, object], told: Callable[..., Told], tmp_path: Path
) -> None:
    given = told(segmenter(), SOPClassUID=CTImageStorage, Modality="CT", **odd)
    [made] = [one for one in results.make(given) if one.Modality == "SEG"]
    assert "FrameOfReferenceUID" not in made
    assert {item.ReferencedSOPClassUID for item in references(made)} == {CTImageStorage}
    assert complaints(made, tmp_path) == []


def test_an_empty_mask_is_no_segmentation(told: Callable[..., Told]) -> None:
    empty = told(segmenter())
    finding = replace(empty.finding, opinion=replace(empty.finding.opinion, region=None, measure=0.0))
    made = results.make(replace(empty, finding=finding, mask=np.zeros((120, 160), np.uint8)))
    assert [one.Modality for one in made] == ["OT", "SR", "KO"]


@pytest.mark.parametrize("model", [classifier(), segmenter()], ids=["classifier", "segmenter"])
def test_the_objects_are_known_by_name_before_they_are_made(model: Model, told: Callable[..., Told]) -> None:
    given = told(model)
    foretold = [instance_uid("1.2.3", model, kind) for kind in kinds(model, given.finding, explained=True)]
    assert [one.SOPInstanceUID for one in results.make(given)] == foretold


def test_the_key_objects_point_at_the_picture_and_at_each_result(told: Callable[..., Told]) -> None:
    *others, selection = results.make(told(segmenter()))
    [study] = selection.CurrentRequestedProcedureEvidenceSequence
    series = study.ReferencedSeriesSequence
    pointed = {one.ReferencedSOPInstanceUID for each in series for one in each.ReferencedSOPSequence}
    assert pointed == {"1.2.3.4", *(one.SOPInstanceUID for one in others)}


def test_the_overlay_is_warm_where_the_evidence_is_and_carries_its_warning() -> None:
    picture, heat = np.full((300, 400), 100.0, np.float32), np.zeros((30, 40), np.float32)
    heat[5:15, 5:15] = 255
    picture[0, 0] = 0  # else nothing is dark beside it
    burnt = overlay.burnt(picture, heat).astype(int)
    red, blue = burnt[..., 0], burnt[..., 2]
    assert red[100, 100] - blue[100, 100] > 100
    assert red[100, 300] == blue[100, 300]
    words = burnt[300:]
    assert (words == 255).any()
    assert (words[0] == 0).all()


@pytest.mark.parametrize("shape", [(4000, 1), (1, 4000), (8, 8), (3000, 2500, 3)], ids=str)
def test_no_shape_of_a_picture_makes_an_overlay_large_or_hides_its_warning(shape: tuple[int, ...]) -> None:
    burnt = overlay.burnt(np.ones(shape, np.float32), np.ones((4, 4), np.float32))
    assert max(burnt.shape) <= overlay.LONGEST_EDGE + 80
    assert burnt.shape[1] >= 256
    assert burnt[-40:].max() > 200  # small letters are never quite white


@pytest.mark.parametrize(
    "odd",
    [
        {"PatientSex": "X"},
        {"PatientBirthDate": "", "StudyDate": "", "StudyTime": ""},
        {"StudyTime": "1015.5"},
        {"StudyDate": "20260230"},
        {"PatientName": "A=B=C=D^much^too^many^parts^of^it"},
        {"AccessionNumber": "much longer than sixteen characters"},
        {"PatientName": ""},
    ],
    ids=lambda odd: next(iter(odd)),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_odd_header_stops_no_result(odd: dict[str, object], told: Callable[..., Told]) -> None:
    assert [one.Modality for one in results.make(told(classifier(), **odd))] == ["OT", "SR", "KO"]


def leaves(item: Dataset) -> list[Dataset]:
    """Every content item of a report."""
    children = list(item.get("ContentSequence", []))
    return [*children, *(leaf for child in children for leaf in leaves(child))]


SIDES: list[tuple[dict[str, object], str | None]] = [
    ({"BodyPartExamined": "CHEST", "Laterality": "R"}, None),
    ({"BodyPartExamined": "EYE", "ImageLaterality": "L"}, "L"),
    ({"BodyPartExamined": "KNEE", "Laterality": "R"}, "R"),
    ({"BodyPartExamined": ""}, ""),
    ({"BodyPartExamined": "BREAST", "ImageLaterality": "B"}, ""),
]


@pytest.mark.parametrize(("header_says", "side"), SIDES)
def test_an_overlay_says_the_side_of_a_paired_part(
    header_says: dict[str, object], side: str | None, told: Callable[..., Told], tmp_path: Path
) -> None:
    made = next(one for one in results.make(told(classifier(), **header_says)) if one.Modality == "OT")
    assert made.get("Laterality") == side
    assert [line for line in complaints(made, tmp_path) if line.startswith("Error")] == []


def test_who_gave_the_numbers_out_goes_with_them(told: Callable[..., Told], tmp_path: Path) -> None:
    issuer, other = Dataset(), Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.840.99", "ISO"
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "OLD-7", "ST-MARY", "TEXT"
    given = {
        "IssuerOfPatientIDQualifiersSequence": [issuer],
        "IssuerOfAccessionNumberSequence": [issuer],
        "OtherPatientIDsSequence": [other],
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "by hand",
    }
    for made in results.make(told(segmenter(), **given)):
        assert complaints(made, tmp_path) == []
        for keyword, value in given.items():
            assert made.get(keyword) == value

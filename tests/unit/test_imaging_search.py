"""What a search may ask, and what it is told when it cannot be followed."""

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag

from services.imaging.domain.attributes import ATTRIBUTES, BY_NAME, Level
from services.imaging.domain.search import MOST, BadSearch, Range, parse_search


@pytest.mark.parametrize(
    ("level", "name", "value", "said"),
    [
        (Level.STUDY, "Modality", "CT", "ModalitiesInStudy"),
        (Level.STUDY, "SeriesInstanceUID", "1.2", "series"),
        (Level.SERIES, "SOPInstanceUID", "1.2", "instances"),
        (Level.STUDY, "PixelData", "secret", "PixelData"),
        (Level.STUDY, "00091001", "secret", "00091001"),
        (Level.STUDY, "pretty", "1", "no attribute"),
        (Level.STUDY, "StudyDate", "2026-01-03", "YYYYMMDD"),
        (Level.STUDY, "StudyDate", "-", "YYYYMMDD"),
        (Level.STUDY, "StudyDate", "20260103-x", "YYYYMMDD"),
        (Level.STUDY, "StudyTime", "10:15", "HHMM"),
        (Level.STUDY, "StudyInstanceUID", "1.2*", "UID"),
        (Level.STUDY, "NumberOfStudyRelatedSeries", "1", "answered"),
        (Level.STUDY, "PatientID", "se\0cret", "NUL"),
        (Level.STUDY, "limit", "many", "limit"),
        (Level.STUDY, "offset", "-1", "offset"),
        (Level.STUDY, "offset", "9" * 30, "offset"),
        (Level.STUDY, "fuzzymatching", "maybe", "true"),
        (Level.STUDY, "includefield", "every thing", "includefield"),
        (Level.STUDY, "PatientID.PatientName", "secret", "PatientID"),
        (Level.SERIES, "RequestAttributesSequence", "secret", "ScheduledProcedureStepID"),
        (Level.INSTANCE, "InstanceNumber", "one", "IS"),
        (Level.INSTANCE, "SliceLocation", "near", "number"),
    ],
)
def test_a_search_that_cannot_be_followed_says_why(level: Level, name: str, value: str, said: str) -> None:
    with pytest.raises(BadSearch) as refused:
        parse_search(level, [(name, value)])
    assert said in f"{refused.value.message} {refused.value.fix}"
    assert value not in refused.value.message or name in {"limit", "offset", "pretty"}


def test_a_range_has_its_ends_and_everything_is_no_condition() -> None:
    asked = parse_search(Level.STUDY, [("StudyDate", "20260101-"), ("PatientID", "*"), ("PatientName", "")])
    assert [condition.between for condition in asked.conditions] == [Range("20260101", "")]


def test_an_answer_is_never_longer_than_the_most() -> None:
    assert parse_search(Level.STUDY, [("limit", "999999")]).limit == MOST


def test_what_the_address_names_is_not_described_again() -> None:
    name = BY_NAME["PatientName"]
    assert parse_search(Level.SERIES, []).answers(name)
    assert not parse_search(Level.SERIES, [], Level.SERIES).answers(name)
    assert parse_search(Level.SERIES, [("PatientName", "X*")], Level.SERIES).answers(name)
    assert not parse_search(Level.STUDY, [("includefield", "all")]).answers(BY_NAME["Modality"])


def test_every_attribute_is_known_by_its_tag_and_its_keyword_alone() -> None:
    assert len(BY_NAME) == 2 * len(ATTRIBUTES)


def test_names_and_vrs_are_those_of_the_dictionary() -> None:
    for attribute in ATTRIBUTES:
        assert keyword_for_tag(int(attribute.tag, 16)) == attribute.keyword
        assert dictionary_VR(int(attribute.tag, 16)) == attribute.vr

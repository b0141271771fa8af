"""One-time codes as rules: what they are made of, what is kept of them, and how a typed one is read."""

import pytest

from services.gateway.domain import accounts, codes
from services.gateway.fhir import patients

KEY = b"-----BEGIN PRIVATE KEY-----"


def test_a_code_has_eight_signs_that_cannot_be_mistaken() -> None:
    made = {codes.make_code() for _ in range(500)}
    assert len(made) == 500
    assert {len(code) for code in made} == {8}
    assert not set("".join(made)) & set("0O1ILAEUY")


def test_a_code_is_read_however_it_is_typed() -> None:
    code = codes.make_code()
    typed = f" {codes.for_people(code).lower().replace('-', ' - ')}\n"
    assert codes.as_typed(typed) == code


def test_what_is_kept_depends_on_the_key_and_the_holder() -> None:
    kept = codes.keyed_hash(KEY, "a", "BCDFGHJK")
    assert kept == codes.keyed_hash(KEY, "a", "BCDFGHJK")
    others = {codes.keyed_hash(KEY, "b", "BCDFGHJK"), codes.keyed_hash(b"x", "a", "BCDFGHJK")}
    assert kept not in others
    assert "BCDFGHJK" not in kept


@pytest.mark.parametrize(
    ("known", "typed", "fits"),
    [
        ("2021-03-04", "2021-03-04", True),
        ("2021-03-04", "2021-03-05", False),
        ("2021", "2021-07-09", True),
        ("2021", "2021", False),
        (None, "2021-03-04", False),
        ("", "2021-03-04", False),
    ],
)
def test_a_date_of_birth_fits_as_far_as_it_is_known(known: str | None, typed: str, fits: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    assert codes.is_born(known, typed) is fits


@pytest.mark.parametrize("number", ["", "  ", "a\0b", "x" * 65, "a\nb"])
def test_what_is_no_number_is_not_looked_up(number: str) -> None:
    assert codes.spellings(number) == ()


def test_tries_are_counted_for_the_patient_under_whichever_number() -> None:
    assert codes.tries_key("code", ["p"], "M-1") == codes.tries_key("code", ["p"], "m-2")
    assert codes.tries_key("code", [], "M-1") == codes.tries_key("code", [], " m-1 ")
    assert "M-1" not in codes.tries_key("code", [], "M-1")


@pytest.mark.parametrize(("path", "theirs"), [("/me", True), ("/me?lang=fr", True), ("/appointments/mine", True)])
def test_a_patients_pages_lead_to_the_code(path: str, theirs: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    assert accounts.is_of_patients(path) is theirs
    assert not accounts.is_of_patients("/mean")
    assert not accounts.is_of_patients("/appointments/day")


def test_a_patients_language_is_the_preferred_one() -> None:
    def speaks(code: str, **more: object) -> dict[str, object]:
        return {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}, **more}

    both = {"communication": [speaks("en"), speaks("fr-FR", preferred=True)]}
    assert patients.language_of(both, "en") == "fr"
    assert patients.language_of({"communication": [speaks("de")]}, "en") == "de"
    assert patients.language_of({}, "fr") == "fr"

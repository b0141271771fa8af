"""The gateway's rules: spans of dates, where one may return to, what an identifier means, what a change means."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.accounts import local_path, require_scopes
from services.gateway.domain.changes import meaning
from services.gateway.domain.dates import span_of
from services.gateway.domain.draft import Key, keys_of
from services.gateway.domain.references import outward
from services.gateway.domain.refusals import Malformed
from services.gateway.domain.repository import TYPES
from services.gateway.domain.search import search_of
from services.gateway.fhir.reading import parse
from shared.errors import InvalidResource
from shared.events import Event


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]  # year, month, day are always given


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2024-12", at(2024, 12, 1), at(2025, 1, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        ("2024-02-29T10:30Z", at(2024, 2, 29, 10, 30), at(2024, 2, 29, 10, 31)),
        ("2024-02-29T10:30:15Z", at(2024, 2, 29, 10, 30, 15), at(2024, 2, 29, 10, 30, 16)),
        ("2024-02-29T10:30:15+02:00", at(2024, 2, 29, 8, 30, 15), at(2024, 2, 29, 8, 30, 16)),
    ],
)
def test_a_date_spans_what_it_leaves_open(text: str, start: datetime, end: datetime) -> None:
    span = span_of(text)
    assert span is not None
    assert (span.start, span.end) == (start, end)


@given(st.text())
def test_any_text_is_a_span_or_none(text: str) -> None:
    span = span_of(text)
    assert span is None or span.start < span.end


@given(st.lists(st.tuples(st.sampled_from([*TYPES["Patient"].parameters, "_count", "x"]), st.text()), max_size=3))
def test_any_search_is_a_search_or_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(Malformed):
        search_of(TYPES["Patient"], pairs)


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(parse(body), dict)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/sign-in/renew",
        "evil",
        "",
        "/a\nb",
        "javascript:1",
    ],
)
def test_no_sign_in_leads_to_another_site(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_a_sign_in_leads_back_to_a_page() -> None:
    assert local_path("/cases/7?tab=ai") == "/cases/7?tab=ai"


def test_an_accession_number_names_an_order_only_when_nothing_better_does() -> None:
    accession = {"value": "A", "type": {"coding": [{"code": "ACSN"}]}}
    order: dict[str, Any] = {"resourceType": "ServiceRequest", "identifier": [accession, {"system": "s", "value": "P"}]}
    assert keys_of(order) == [Key("ServiceRequest", "s", "P")]
    order["identifier"] = [accession]
    assert keys_of(order) == [Key("ServiceRequest", "", "A")]


@pytest.mark.parametrize(
    ("kind", "before", "now", "event"),
    [
        ("ServiceRequest", None, "active", Event.ORDER_PLACED),
        ("ServiceRequest", "on-hold", "active", Event.ORDER_PLACED),
        ("ServiceRequest", "active", "active", Event.RESOURCE_CHANGED),
        ("ServiceRequest", "active", "revoked", Event.ORDER_REVOKED),
        ("ServiceRequest", "active", "entered-in-error", Event.ORDER_REVOKED),
        ("ServiceRequest", None, "draft", Event.RESOURCE_CHANGED),
        ("MedicationRequest", None, "active", Event.RESOURCE_CHANGED),
    ],
)
def test_a_change_of_status_has_a_meaning(kind: str, before: str | None, now: str, event: Event) -> None:
    assert meaning({"resourceType": kind, "status": now}, before) is event


def test_only_references_to_hub_ids_change_on_the_way_out() -> None:
    number = "00000000-0000-4000-8000-000000000000"
    body = f'{{"a":{{"reference":"Patient/{number}"}},"b":{{"reference":"https://x.example/Patient/{number}"}}}}'
    assert outward(body.encode()).decode() == body.replace(f'"Patient/{number}', f'"urn:uuid:{number}')


@pytest.mark.parametrize("scope", ["user/*.r", "system/Patient", "admin", "system/Patient.x"])
def test_a_scope_that_means_nothing_is_refused(scope: str) -> None:
    with pytest.raises(InvalidResource):
        require_scopes([scope])

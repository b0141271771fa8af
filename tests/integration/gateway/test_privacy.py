"""No answer to a mistake, and no log line, repeats what was sent: neither a value nor a name in the wrong place."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hospital_said import message, order, patient, post, send, study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SENTINEL = "Zebrafinch-7391"
WRONG = [SENTINEL, {SENTINEL: SENTINEL}, [SENTINEL], {"value": SENTINEL, SENTINEL: 1}, 7391, None, [], {}, True, -1.5]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from places(child, (*path, name))


def put_at(node: Any, path: tuple[Any, ...], value: Any) -> None:
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value


VALID = message("gateway.study-available", study(), patient(), order(), number="fixed")
PLACES = list(places(VALID))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), wrong=st.sampled_from(WRONG))
def test_a_mistake_anywhere_in_a_message_is_answered_without_what_was_sent(
    hospital: TestClient, capfd: pytest.CaptureFixture[str], place: tuple[Any, ...], wrong: Any
) -> None:
    sent = copy.deepcopy(VALID)
    put_at(sent, place, wrong)
    answer = send(hospital, sent)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 or place[:4] != ("entry", 0, "resource", "id"):
        assert SENTINEL not in answer.text
    assert SENTINEL not in capfd.readouterr().err


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(list(places(order()))), wrong=st.sampled_from(WRONG))
def test_a_mistake_anywhere_in_a_resource_is_answered_without_what_was_sent(
    hospital: TestClient, place: tuple[Any, ...], wrong: Any
) -> None:
    sent = order()
    put_at(sent, place, wrong)
    answer = post(hospital, "/fhir/ServiceRequest", sent)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert SENTINEL not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/fhir/{SENTINEL}",
        f"/fhir/{SENTINEL}/1",
        f"/fhir/Patient/{SENTINEL}",
        f"/fhir/Patient?{SENTINEL}=1",
        f"/fhir/Patient?birthdate={SENTINEL}",
        f"/fhir/Patient?_count={SENTINEL}",
        f"/fhir/Observation?patient=Device/{SENTINEL}",
        f"/{SENTINEL}",
    ],
)
def test_an_address_is_not_repeated(hospital: TestClient, path: str) -> None:
    answer = hospital.get(path)
    assert 400 <= answer.status_code < 500
    assert SENTINEL not in answer.text

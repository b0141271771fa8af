"""The code keeps the promises of `contracts/`, and the promises name nothing that the code does not do."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class
from jsonschema import Draft202012Validator

from shared.events import EVENTS_EXCHANGE, SUBSCRIPTIONS, Event, Lane
from shared.fhir.codes import EVENT_SYSTEM
from shared.fhir.message import Message

CONTRACTS = Path(__file__).parents[2] / "contracts"
EVENTS = sorted(Event)


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    return yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())


def example(event: Event) -> dict[str, Any]:
    return json.loads((CONTRACTS / "events" / f"{event}.example.json").read_text())


def schema(event: Event) -> dict[str, Any]:
    return json.loads((CONTRACTS / "events" / f"{event}.schema.json").read_text())


def test_every_channel_is_an_event_and_every_event_a_channel(asyncapi: dict[str, Any]) -> None:
    assert set(asyncapi["channels"]) == {str(event) for event in Event}
    assert {channel["address"] for channel in asyncapi["channels"].values()} == {f"{event}.{{lane}}" for event in Event}


def test_the_lanes_and_the_exchange_are_those_of_the_code(asyncapi: dict[str, Any]) -> None:
    assert asyncapi["components"]["parameters"]["lane"]["enum"] == [str(lane) for lane in Lane]
    exchanges = {channel["bindings"]["amqp"]["exchange"]["name"] for channel in asyncapi["channels"].values()}
    assert exchanges == {EVENTS_EXCHANGE}


def test_who_hears_what_is_promised_both_ways(asyncapi: dict[str, Any]) -> None:
    promised = {
        (operation["tags"][0]["name"], operation["channel"]["$ref"].removeprefix("#/channels/"))
        for operation in asyncapi["operations"].values()
        if operation["action"] == "receive"
    }
    assert promised == {(service, str(event)) for service, events in SUBSCRIPTIONS.items() for event in events}


def test_an_event_is_said_by_the_service_it_is_named_after(asyncapi: dict[str, Any]) -> None:
    said = {
        operation["channel"]["$ref"].removeprefix("#/channels/"): operation["tags"][0]["name"]
        for operation in asyncapi["operations"].values()
        if operation["action"] == "send"
    }
    assert said == {str(event): event.partition(".")[0] for event in Event}


@pytest.mark.parametrize("service", sorted(SUBSCRIPTIONS))
def test_the_registered_tasks_of_a_service_are_its_subscriptions(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_BROKER_URL", "amqp://nobody.example")
    tasks = importlib.import_module(f"services.{service}.tasks").app.tasks
    heard = {name for name in tasks if not name.startswith("celery.")}
    assert heard == {str(event) for event in SUBSCRIPTIONS[service]}


@pytest.mark.parametrize("event", EVENTS)
def test_an_events_example_keeps_its_schema(event: Event) -> None:
    Draft202012Validator.check_schema(schema(event))
    Draft202012Validator(schema(event)).validate(example(event))


@pytest.mark.parametrize("event", EVENTS)
def test_an_events_schema_refuses_another_event(event: Event) -> None:
    wrong = example(event)
    wrong["entry"][0]["resource"]["eventCoding"]["code"] = "gateway.no-such-event"
    assert not Draft202012Validator(schema(event)).is_valid(wrong)


@pytest.mark.parametrize("event", EVENTS)
def test_an_events_example_is_a_message_of_fhir_r4(event: Event) -> None:
    message = Message.from_fhir(example(event))
    assert message.event is event
    assert message.focus
    get_fhir_model_class("Bundle").model_validate(example(event))


def test_no_contract_lies_about_for_an_event_that_is_none() -> None:
    files = {path.name.split(".schema")[0].split(".example")[0] for path in (CONTRACTS / "events").iterdir()}
    assert files == {str(event) for event in Event}


def test_the_event_code_system_lists_the_events() -> None:
    system = json.loads((CONTRACTS / "fhir" / "CodeSystem-event.json").read_text())
    assert system["url"] == EVENT_SYSTEM
    assert {concept["code"] for concept in system["concept"]} == {str(event) for event in Event}


def test_every_event_has_a_message_definition() -> None:
    definitions = [json.loads(path.read_text()) for path in (CONTRACTS / "fhir").glob("MessageDefinition-*.json")]
    assert {definition["eventCoding"]["code"] for definition in definitions} == {str(event) for event in Event}


@pytest.mark.parametrize("path", sorted((CONTRACTS / "fhir").glob("*.json")), ids=lambda path: path.stem)
def test_a_conformance_resource_is_valid_fhir(path: Path) -> None:
    resource = json.loads(path.read_text())
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)

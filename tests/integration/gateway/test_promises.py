"""What the gateway really says keeps the promises of `contracts/events`."""

import json
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from fhir.resources.R4B import get_fhir_model_class
from hospital_said import message, order, patient, post, said, send, study
from jsonschema import Draft202012Validator

EVENTS = Path(__file__).parents[3] / "contracts" / "events"


def test_every_event_keeps_its_schema_and_is_fhir(systems: Callable[..., TestClient]) -> None:
    hospital = systems()
    send(hospital, message("gateway.order-placed", order("O-2"), patient()))
    send(hospital, message("gateway.study-available", study(), patient(), order()))
    send(hospital, message("gateway.order-revoked", order("O-2", status="revoked")))
    post(hospital, "/fhir/Patient", patient("SYN-2"))
    events = [*said(), *said(access=True)]
    for one in events:
        schema = json.loads((EVENTS / f"{one['event']}.schema.json").read_text())
        Draft202012Validator(schema).validate(one["bundle"])
        get_fhir_model_class("Bundle").model_validate(one["bundle"])
    assert {one["event"] for one in events} == {
        "gateway.order-placed",
        "gateway.order-revoked",
        "gateway.study-available",
        "gateway.resource-changed",
        "gateway.access-recorded",
    }

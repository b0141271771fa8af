"""The privacy canary: a patient who can be recognised goes every way, and no operator ever sees them.

Success, refusal and dead letter; then logs, metrics, AMQP headers, dead-letter lists and the doctor are searched.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from subprocess import CompletedProcess
from typing import Any

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from services.simulator import fhir
from services.simulator.demo.forms import Browser
from services.simulator.demo.patient import Patient, telephone
from services.simulator.demo.people import People
from services.simulator.demo.reader import Reader
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import MRN_SYSTEM, Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.errors import InvalidResource
from shared.events import EVENTS_EXCHANGE, SUBSCRIPTIONS, Event, Lane, routing_key
from shared.fhir.message import Message

Command = Callable[..., "CompletedProcess[str]"]

MARKS = {"given": "Xanthippe-Q", "family": "SYNTHETIC-ZWYXV", "mrn": "MRN77QX331", "accession": "ACC88QX442"}
BORN = date(2023, 7, 29)
SECRETS = re.compile("|".join([*map(re.escape, MARKS.values()), BORN.isoformat(), f"{BORN:%Y%m%d}"]))


@pytest.fixture
def marked(new_study: Callable[..., Examination]) -> Callable[[], Examination]:
    """Call it for a study of the patient who can be recognised."""

    def mark() -> Examination:
        plain = new_study("pneumonia", "urgent", "announcement")
        return replace(
            plain,
            born=BORN,
            given=MARKS["given"],
            family=MARKS["family"],
            mrn=MARKS["mrn"],
            accession=MARKS["accession"],
        )

    return mark


@pytest.fixture
def shadow(hub: Hub) -> Iterator[BlockingChannel]:
    """A queue that hears every event."""
    with pika.BlockingConnection(pika.URLParameters(hub.environment["HUB_BROKER_URL"])) as connection:
        channel = connection.channel()
        channel.queue_declare("canary", exclusive=True)
        channel.queue_bind("canary", EVENTS_EXCHANGE, "#")
        yield channel


def test_no_operator_ever_sees_a_patient(
    hub: Hub,
    cast: People,
    hospital: Hospital,
    marked: Callable[[], Examination],
    shadow: BlockingChannel,
    command: Command,
) -> None:
    letters = len(listed(command))
    case = Progress(marked())
    send(hospital, case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    with Browser(hub.public_url) as browser:
        Reader(browser, cast.synthetic).sign(case)
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    codes = sign_in_as_patient(hub, case.examination)
    be_refused(hospital, marked())
    sent = poison(shadow, marked())
    assert any(len(listed(command)) >= letters + sent for _ in range(60)), "the letters did not come"
    seen = [
        *(file.read_text(errors="replace") for file in (hub.state / "logs").iterdir()),
        *(httpx.get(f"{hub.url(name)}/metrics").text for name in hub.processes),
        *headers(shadow),
        command("dead-letters", "list").stdout,
        *(command("dead-letters", "show", one["service"], str(one["number"])).stdout for one in listed(command)[:3]),
        command("doctor").stdout,
        command("cases").stdout,
        *operators_pages(hub, cast),
    ]
    assert [match.group() for text in seen for match in SECRETS.finditer(text)] == []
    assert [code for code in codes for text in seen if code in text] == []


def sign_in_as_patient(hub: Hub, examination: Examination) -> list[str]:
    """The patient asks for a code and opens the own page; returns what came to the telephone, as typed and as shown."""
    phone = telephone(hub.url("simulator-api"))
    with Browser(hub.public_url) as browser:
        Patient(browser, phone, examination).sign_in()
    texts = [one["text"] for one in httpx.get(phone).json() if one["to"] == examination.mrn]
    shown = [match.group() for text in texts for match in re.finditer(r"[A-Z0-9]{4}-[A-Z0-9]{4}", text)]
    assert shown
    return [*shown, *(code.replace("-", "") for code in shown)]


def listed(command: Command) -> list[dict[str, Any]]:
    """The dead letters, as an operator lists them."""
    found: list[dict[str, Any]] = json.loads(command("dead-letters", "list", "--json").stdout)
    return found


def operators_pages(hub: Hub, cast: People) -> Iterator[str]:
    """Every service's part of `/ops`, with the letters that it lists."""
    with Browser(hub.public_url) as browser:
        browser.submit("/sign-in", "/sign-in", username=cast.operator.name, password=cast.operator.password)
        for service in SUBSCRIPTIONS:
            yield browser.open(f"/ops/{service.replace('_', '-')}")


def be_refused(hospital: Hospital, examination: Examination) -> None:
    """Everything that a door refuses, with the patient in it."""
    patient = {**fhir.patient(examination), "birthDate": f"{BORN}-{MARKS['given']}", "name": MARKS["family"]}
    answers = [
        hospital.write("POST", "/fhir/Patient", patient),
        hospital.write("POST", "/fhir/$process-message", {"resourceType": "Bundle", "id": MARKS["mrn"]}),
        hospital.write("PUT", f"/fhir/DiagnosticReport?identifier={MRN_SYSTEM}|{MARKS['mrn']}", patient),
        hospital.read(f"/fhir/Patient?identifier={MRN_SYSTEM}|{MARKS['mrn']}&nonsense={MARKS['family']}"),
    ]
    for answer in answers[:3]:
        assert 400 <= answer.status_code < 500
        assert not SECRETS.search(answer.text)
    with pytest.raises(InvalidResource) as refusal:
        hospital.send_files(examination, file=f"no DICOM of {MARKS['family']}".encode())
    assert not SECRETS.search(f"{refusal.value.message} {refusal.value.fix}")


def poison(channel: BlockingChannel, examination: Examination) -> int:
    """Messages that no service can take in; returns how many dead letters they make.

    Imaging and results_sharing both hear the event.
    """
    study = fhir.study(examination)
    del study["identifier"], study["subject"]
    message = Message.build(Event.STUDY_AVAILABLE, Lane.URGENT, "canary", [study], [fhir.patient(examination)])
    task = json.dumps([[message.bundle], {}, {}]).encode()
    good = {"task": str(message.event), "id": message.id, "lang": "py", "lane": "urgent", "attempt": 0}
    marks = json.dumps(MARKS).encode() + str(BORN).encode()
    bodies = [(task[:-20], good), (marks, good), (b"\xff" + marks, good), (b"[1, 2]", good), (task, {})]
    for body, sent in bodies:
        properties = pika.BasicProperties("application/json", "utf-8", sent, delivery_mode=2, message_id=message.id)
        channel.basic_publish(EVENTS_EXCHANGE, routing_key(message.event, message.lane), body, properties)
    return 2 * len(bodies)


def headers(channel: BlockingChannel) -> Iterator[str]:
    """What travels beside the bodies: routing keys, headers and properties."""
    while True:
        method, properties, _ = channel.basic_get("canary", auto_ack=True)
        if method is None:
            return
        yield f"{method.routing_key} {properties.headers} {properties.message_id} {properties.correlation_id}"

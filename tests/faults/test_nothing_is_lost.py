"""What breaks must lose nothing and do nothing twice: broker, worker, relay, hospital, and senders that repeat."""

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess

import httpx
import pika
import psycopg
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from services.simulator.demo.forms import Browser
from services.simulator.demo.people import People
from services.simulator.demo.reader import Reader
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send, send_all
from services.simulator.domain import MIX, Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.events import EVENTS_EXCHANGE, Event
from shared.fhir import codes

NewStudy = Callable[..., Examination]
Command = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _every_case_is_accounted_for(hub: Hub, command: Command) -> Iterator[None]:
    """After each fault the reconciliation holds."""
    assert hub.processes
    yield
    told = command("cases", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(told.stdout)["unexplained"] == 0


def ready(hospital: Hospital, cases: list[Progress]) -> None:
    """All cases came as far as the reader, each answered once."""
    assert follow(hospital, cases, BEFORE_A_HUMAN, lambda *_: None), [case.at for case in cases]
    for case in cases:
        moments = hospital.read(f"/timelines/{case.examination.study_uid}").json()["moments"]
        events = [moment["event"] for moment in moments]
        for once in (Event.STUDY_AVAILABLE, Event.STUDY_COMPLETED):
            assert events.count(once) == 1, events
        answers = events.count(Event.ANALYSIS_COMPLETED) + events.count(Event.ANALYSIS_REFUSED)
        assert answers == 1, events


def test_the_broker_is_killed_while_studies_arrive(hub: Hub, hospital: Hospital, new_study: NewStudy) -> None:
    studies = [new_study(*mix) for mix in MIX]
    with ThreadPoolExecutor(max_workers=1) as sending:
        sent = sending.submit(send_all, hospital, studies)
        hub.stack.kill_broker()
        hub.stack.start_broker()
        sent.result()
    ready(hospital, [Progress(study) for study in studies])


def test_a_worker_is_killed_when_it_has_read_and_not_yet_committed(
    hub: Hub, hospital: Hospital, new_study: NewStudy
) -> None:
    """The worst moment: the answer is there and nobody has it. The study is read again, and answered once."""
    case = Progress(new_study("normal", "urgent", "announcement"))
    with psycopg.connect(database_of(hub, "imaging"), autocommit=True) as database:
        before = heard_so_far(database)
        hospital.announce(case.examination)
        assert any(heard_so_far(database) > before for _ in range(5000)), "imaging did not hear the announcement"
        with database.transaction():
            database.execute("LOCK TABLE inbox IN SHARE MODE")  # nothing can be claimed
            hospital.send_files(case.examination)
            assert any(waits_for_inbox(database) for _ in range(50000)), "the worker did not come to its commit"
            hub.kill("imaging-worker")
    ready(hospital, [case])


def database_of(hub: Hub, service: str) -> str:
    """The address of a service's database, as psycopg wants it."""
    return hub.environment[f"HUB_{service.upper()}_DATABASE_URL"].replace("+psycopg", "")


def heard_so_far(database: psycopg.Connection) -> int:
    """How many messages a service has taken in."""
    [(count,)] = database.execute("SELECT count(*) FROM inbox").fetchall()
    return int(count)


def waits_for_inbox(database: psycopg.Connection) -> bool:
    """Whether somebody wants to claim a message and cannot."""
    waiting = "SELECT 1 FROM pg_locks WHERE relation = 'inbox'::regclass AND NOT granted LIMIT 1"
    return bool(database.execute(waiting).fetchall())


def test_the_relay_is_killed_between_publish_and_commit(
    hub: Hub, hospital: Hospital, new_study: NewStudy, shadow: BlockingChannel
) -> None:
    """The row is on the broker and not marked: the relay publishes it again, and it takes effect once."""
    case = Progress(new_study("normal", "urgent", "announcement"))
    wanted = codes.correlation_of(case.examination.study_uid)
    hub.kill("gateway-relay", signal.SIGSTOP)
    hospital.announce(case.examination)
    with psycopg.connect(database_of(hub, "gateway")) as database:
        database.execute("LOCK TABLE outbox IN SHARE MODE")  # rows can be read and locked, not marked
        hub.kill("gateway-relay", signal.SIGCONT)
        first = heard(shadow, Event.STUDY_AVAILABLE, wanted)
        hub.kill("gateway-relay")
    again = heard(shadow, Event.STUDY_AVAILABLE, wanted)
    assert again == first
    hospital.send_files(case.examination)
    ready(hospital, [case])


def test_the_same_message_and_files_three_times(hospital: Hospital, new_study: NewStudy) -> None:
    case = Progress(new_study("normal", "routine", "announcement"))
    for _ in range(3):
        send(hospital, case.examination)
    ready(hospital, [case])


def test_the_broker_delivers_the_same_message_three_times(
    hospital: Hospital, new_study: NewStudy, shadow: BlockingChannel
) -> None:
    case = Progress(new_study("pneumonia", "urgent", "announcement"))
    send(hospital, case.examination)
    wanted = codes.correlation_of(case.examination.study_uid)
    for event in (Event.STUDY_AVAILABLE, Event.STUDY_COMPLETED, Event.ANALYSIS_COMPLETED):
        key, properties, body = delivered(shadow, event, wanted)
        for _ in range(2):
            shadow.basic_publish(EVENTS_EXCHANGE, key, body, properties)
    ready(hospital, [case])


@pytest.mark.parametrize("behaviour", ["dead", "cut", "slow"])
def test_a_hospital_that_fails_gets_the_report_all_the_same(
    hub: Hub, cast: People, hospital: Hospital, new_study: NewStudy, behaviour: str
) -> None:
    """After a cut answer the hub cannot know, so it sends again: the same content, which overwrites itself."""
    case = Progress(new_study("normal", "stat", "files"))
    send(hospital, case.examination)
    ready(hospital, [case])
    server = hub.url("simulator-api")
    httpx.put(f"{server}/control", json={"behaviour": behaviour, "seconds": 3, "remaining": 1}).raise_for_status()
    with Browser(hub.public_url) as browser:
        Reader(browser, cast.synthetic).sign(case)
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    key = f"{codes.REPORT_SYSTEM}|{case.case_id}"
    arrivals = [one for one in httpx.get(f"{server}/control/received").json() if one["key"] == key]
    assert len(arrivals) == (2 if behaviour == "cut" else 1)
    assert len({one["digest"] for one in arrivals}) == 1


@pytest.fixture
def shadow(hub: Hub) -> Iterator[BlockingChannel]:
    """A queue that hears every event, beside the services."""
    with pika.BlockingConnection(pika.URLParameters(hub.environment["HUB_BROKER_URL"])) as connection:
        channel = connection.channel()
        channel.queue_declare("shadow", exclusive=True)
        channel.queue_bind("shadow", EVENTS_EXCHANGE, "#")
        yield channel


def delivered(channel: BlockingChannel, event: Event, correlation: str) -> tuple[str, pika.BasicProperties, bytes]:
    """The next delivery of an event of a case: routing key, properties, body."""
    for method, properties, body in channel.consume("shadow", auto_ack=True, inactivity_timeout=60):
        assert method is not None, f"{event} was not said in a minute"
        if properties.headers["task"] == event and properties.correlation_id == correlation:
            return method.routing_key, properties, body
    raise AssertionError("the shadow queue is gone")


def heard(channel: BlockingChannel, event: Event, correlation: str) -> str:
    """The message id of the next delivery of an event of a case."""
    return str(delivered(channel, event, correlation)[1].message_id)

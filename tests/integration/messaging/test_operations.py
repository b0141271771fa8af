"""The operator's part of a service: a real dead letter is seen and replayed there; what is away is said, not hidden."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hands import CANARY, Post, order, until

from shared import broker, db, ops, settings
from shared.embedded import Stack
from shared.http import Door, create_app
from shared.security import COOKIE, Principal, Role, sign
from shared.settings import ServiceSettings

ORIGIN = "http://127.0.0.1:8080"
OLI = Principal("oli", "Oli Operator", Role.ADMINISTRATOR, None, "user", frozenset(), "s1")
ADA = Principal("ada", "Dr Ada Reader", Role.RADIOLOGIST, "Practitioner/1", "user", frozenset(), "s2")
OF_PAGE = {"HX-Request": "true", "Accept": "text/html"}
JSON = {"Accept": "application/json"}

Open = Callable[..., TestClient]


@pytest.fixture
def open_door(hub_stack: Stack, settings_environment: pytest.MonkeyPatch) -> Iterator[Open]:
    """Call it for a person at a service's door; the operator at imaging's by default."""
    assert hub_stack.environment()
    opened: list[TestClient] = []
    key = Path(str(ServiceSettings().session_public_key_file)).with_name("session.key").read_bytes()
    assert settings_environment

    def new(who: Principal = OLI, service: str = "imaging", **headers: str) -> TestClient:
        app = create_app(Door(service, lambda: settings.read(ServiceSettings)), [ops.door(service)])
        cookie = {"Cookie": f"{COOKIE}={sign(key, who, timedelta(minutes=15))}"}
        opened.append(TestClient(app, base_url=ORIGIN, headers=cookie | headers, follow_redirects=False))
        return opened[-1]

    yield new
    for client in opened:
        client.close()


def replay_of(page: str) -> str:
    """Where the page's only Replay button leads."""
    [way] = re.findall(r'<form method="post" action="([^"]+)"', page)
    return str(way).replace("&amp;", "&")


@pytest.mark.usefixtures("worker", "relay")
def test_a_real_dead_letter_is_replayed_from_the_page_and_its_effect_happens_once(post: Post, open_door: Open) -> None:
    message = order("fail until mended")
    post.say(message)
    until(lambda: post.letter(message.id))
    door = open_door(Origin=ORIGIN, **OF_PAGE)
    page = door.get("/ops/imaging").text
    assert "imaging.study-completed" in page
    assert "1 dead letter waits for a decision" in page
    assert CANARY not in page
    way = replay_of(page)

    post.sql("INSERT INTO mended VALUES (true)")
    answer = door.post(way)
    assert answer.status_code == 200
    assert "goes back to its queue" in answer.text
    assert "None waits for a decision" in answer.text
    until(lambda: post.effects(message.id) == 1)

    again = door.post(way)
    assert again.status_code == 409
    assert "was replayed at" in again.text
    until(post.all_published)
    assert post.effects(message.id) == 1
    assert post.sql("SELECT replayed_by FROM dead_letter") == [("oli",)]
    audited = post.sql("SELECT body FROM outbox WHERE task = 'imaging.access-recorded'")
    assert len(audited) == 1
    assert "Oli Operator" in audited[0][0]


@pytest.mark.usefixtures("worker", "relay")
def test_programs_get_the_same_as_json(post: Post, open_door: Open) -> None:
    message = order("fail until mended")
    post.say(message)
    until(lambda: post.letter(message.id))
    told = open_door(**JSON).get("/ops/imaging").json()
    assert {one["name"]: one["consumers"] for one in told["queues"]} == {
        "imaging.stat": 1,
        "imaging.urgent": 1,
        "imaging.routine": 1,
        "imaging.results.stat": 1,
        "imaging.results.urgent": 1,
        "imaging.results.routine": 1,
        "imaging.shadow.stat": 1,
        "imaging.shadow.urgent": 1,
        "imaging.shadow.routine": 1,
        "imaging.volumes.stat": 1,
        "imaging.volumes.urgent": 1,
        "imaging.volumes.routine": 1,
        "imaging.dead-letters": 1,
    }
    assert told["schema"]["current"] is True
    assert [(one["event"], one["lane"]) for one in told["dead_letters"]] == [("imaging.study-completed", "routine")]
    assert told["problems"] == [{"level": "watch", "text": "1 dead letter waits for a decision"}]
    assert CANARY not in str(told)


@pytest.mark.usefixtures("relay")
def test_many_letters_come_the_oldest_first_and_of_one_event_where_asked(post: Post, open_door: Open) -> None:
    for number in range(3):
        post.put(b"no json", queue="imaging.dead-letters", headers={"task": f"event-{number}"})
        until(lambda count=number + 1: post.sql("SELECT count(*) FROM dead_letter") == [(count,)])
    door = open_door(**JSON)
    first = door.get("/ops/imaging?limit=2").json()["dead_letters"]
    assert [one["event"] for one in first] == ["event-0", "event-1"]
    only = door.get("/ops/imaging?event=event-2").json()["dead_letters"]
    assert [one["event"] for one in only] == ["event-2"]
    assert door.get("/ops/imaging?limit=0").status_code == 422


@pytest.mark.parametrize("broker_is", ["mute", "gone"])
@pytest.mark.usefixtures("post")
def test_without_a_broker_the_page_says_so_and_shows_the_rest(
    broker_is: str, open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        if broker_is == "gone":
            nobody.shutdown(socket.SHUT_RDWR)
        monkeypatch.setenv("HUB_BROKER_URL", f"amqp://127.0.0.1:{nobody.getsockname()[1]}/")
        broker.url.cache_clear()
        answer = open_door(**OF_PAGE).get("/ops/imaging")
    assert answer.status_code == 200
    assert answer.elapsed < timedelta(seconds=15)
    assert "the broker is not reachable" in answer.text
    assert "None waits for a decision" in answer.text


def test_without_a_database_the_page_says_so_and_shows_the_queues(
    hub_stack: Stack, open_door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = open_door(service="prediction", **JSON)
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HUB_PREDICTION_DATABASE_URL", f"postgresql://hub:x@127.0.0.1:{port}/hub")
    settings.database_url.cache_clear()
    db.engine.cache_clear()
    try:
        told = door.get("/ops/prediction").json()
    finally:
        monkeypatch.setenv("HUB_PREDICTION_DATABASE_URL", hub_stack.environment()["HUB_PREDICTION_DATABASE_URL"])
        settings.database_url.cache_clear()
        db.engine.cache_clear()
    assert {"level": "wrong", "text": "its database does not answer"} in told["problems"]
    assert len(told["queues"]) == 4


@pytest.mark.usefixtures("post")
def test_nobody_but_an_administrator_sees_or_replays(open_door: Open) -> None:
    reader = open_door(ADA, Origin=ORIGIN)
    assert reader.get("/ops/imaging").status_code == 403
    assert reader.post("/ops/imaging/dead-letters/1/replay").status_code == 403
    assert open_door(Origin="https://elsewhere.example").post("/ops/imaging/dead-letters/1/replay").status_code == 403
    missing = open_door(Origin=ORIGIN, **JSON).post("/ops/imaging/dead-letters/1/replay")
    assert (missing.status_code, missing.json()["issue"][0]["code"]) == (404, "not-found")

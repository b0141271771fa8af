"""Patients sign in with a one-time code: nobody learns who is known, and a code opens once."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from statistics import median
from threading import Thread
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from fhir.resources.R4B import get_fhir_model_class
from hospital_said import patient
from sqlalchemy import func, select, update

from services.gateway import api, store
from services.gateway.domain import codes
from services.gateway.domain.draft import Draft
from services.gateway.settings import settings
from services.gateway.store.tables import SIGN_IN, SIGN_IN_CODE
from shared import cli, outbox, security
from shared.security import COOKIE

ORIGIN = "http://127.0.0.1:8080"
BORN = "2021-03-04"
WHO = {"number": "SYN-1", "born": BORN, "lang": "en"}
NOBODY = {"number": "SYN-404", "born": BORN, "lang": "en"}
CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}")


@pytest.fixture
def phone() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The hospital's notification address, and what arrived there."""
    came: list[dict[str, Any]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(orjson.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/fhir/CommunicationRequest", came
    server.shutdown()
    server.server_close()


@pytest.fixture
def came(phone: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Messages that reached the hospital's channel."""
    monkeypatch.setenv("HUB_GATEWAY_CODE_URL", phone[0])
    return phone[1]


@pytest.fixture
def browsers(database: Callable[[str], str], came: list[dict[str, Any]]) -> Iterator[Callable[[], TestClient]]:
    """Call it for another browser; one patient is known to the hub."""
    assert came == []
    database("gateway")
    settings.cache_clear()
    known = {**patient(), "communication": [{"language": {"coding": [{"code": "fr"}]}, "preferred": True}]}
    with store.transaction() as session:
        store.take_in(session, [Draft(known)], origin="outside")
    app = api.app()
    headers = {"Origin": ORIGIN, "Accept": "text/html"}
    yield lambda: TestClient(app, base_url=ORIGIN, follow_redirects=False, headers=headers)
    settings.cache_clear()


@pytest.fixture
def client(browsers: Callable[[], TestClient]) -> TestClient:
    return browsers()


def code_in(came: list[dict[str, Any]]) -> str:
    found = CODE.search(came[-1]["payload"][0]["contentString"])
    assert found
    return found[0]


def ask(client: TestClient, who: dict[str, str] = WHO) -> int:
    return client.post("/sign-in/code", data=who).status_code


def enter(client: TestClient, code: str, who: dict[str, str] = WHO, **more: str) -> Any:
    return client.post("/sign-in/code/check", data={**who, "code": code, **more})


def audited() -> list[dict[str, Any]]:
    with store.transaction() as session:
        rows = session.execute(select(outbox.OUTBOX.c.body).order_by(outbox.OUTBOX.c.id)).scalars().all()
    resources = [orjson.loads(row)[0][0]["entry"][1]["resource"] for row in rows]
    return [one for one in resources if one["resourceType"] == "AuditEvent"]


def patient_id() -> str:
    with store.transaction() as session:
        return store.find_patients(session, ["SYN-1"])[0].id


def test_a_patient_asks_for_a_code_and_is_let_in_as_that_patient(
    client: TestClient, came: list[dict[str, Any]]
) -> None:
    assert ask(client) == 200
    answer = enter(client, code_in(came).lower())
    assert answer.headers["location"] == "/me?lang=en"
    who = security.verify(client.cookies[COOKIE], settings().session_public_key_file, "user")
    assert (str(who.role), who.fhir_user, who.name) == ("patient", f"Patient/{patient_id()}", "Kim SYNTHETIC")
    assert client.get("/").headers["location"] == "/me"


def test_the_channel_gets_a_fhir_message_in_the_patients_language(
    client: TestClient, came: list[dict[str, Any]]
) -> None:
    ask(client)
    [message] = came
    get_fhir_model_class("CommunicationRequest").model_validate(message)
    assert message["language"] == "fr"
    assert message["payload"][0]["contentString"].startswith("Votre code de connexion")
    assert message["recipient"][0]["identifier"]["value"] == "SYN-1"
    assert patient_id() not in str(message)


@pytest.mark.parametrize("other", [NOBODY, {**WHO, "born": "2021-03-05"}])
def test_a_stranger_is_answered_like_a_patient_and_gets_nothing(
    client: TestClient, came: list[dict[str, Any]], other: dict[str, str]
) -> None:
    known = client.post("/sign-in/code", data=WHO)
    unknown = client.post("/sign-in/code", data=other)
    assert unknown.status_code == known.status_code == 200
    same = unknown.text.replace(other["number"], WHO["number"]).replace(other["born"], BORN)
    assert same == known.text
    assert len(came) == 1
    with store.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SIGN_IN_CODE)) == 2
    refused = enter(client, code_in(came), other)
    assert refused.status_code == 401
    assert [one["outcome"] for one in audited()] == ["0", "0", "4"]


def test_a_stranger_is_answered_in_comparable_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, came: list[dict[str, Any]]
) -> None:
    """The same statements run for both; what only a patient gets is sent after the answer, here not at all."""
    assert came == []
    monkeypatch.setattr("services.gateway.pages.codes._send", lambda *_: None)
    monkeypatch.setattr("services.gateway.domain.codes.REQUESTS", 1000)

    def took(who: dict[str, str]) -> float:
        began = time.perf_counter()
        assert ask(client, who) == 200
        return time.perf_counter() - began

    pairs = [(took(WHO), took(NOBODY)) for _ in range(15)]
    known, unknown = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    assert abs(known - unknown) < 0.5 * max(known, unknown)


def test_a_code_opens_once(client: TestClient, browsers: Callable[[], TestClient], came: list[dict[str, Any]]) -> None:
    ask(client)
    assert enter(client, code_in(came)).status_code == 303
    assert enter(browsers(), code_in(came)).status_code == 401


def test_of_many_who_type_the_right_code_at_once_one_gets_in(
    browsers: Callable[[], TestClient], came: list[dict[str, Any]]
) -> None:
    ask(browsers())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: enter(browsers(), code_in(came)).status_code, range(8)))
    assert answers.count(303) == 1


def test_of_many_guesses_at_once_five_count_and_then_the_right_one_is_too_late(
    browsers: Callable[[], TestClient], came: list[dict[str, Any]]
) -> None:
    ask(browsers())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: enter(browsers(), "BBBB-BBBB"), range(8)))
    with store.transaction() as session:
        assert session.scalar(select(SIGN_IN_CODE.c.tries)) == codes.TRIES
    assert enter(browsers(), code_in(came)).status_code == 401


def test_a_code_ends_with_its_time_and_with_the_next_one(client: TestClient, came: list[dict[str, Any]]) -> None:
    ask(client)
    first = code_in(came)
    ask(client)
    assert enter(client, first).status_code == 401
    with store.transaction() as session:
        session.execute(update(SIGN_IN_CODE).values(expires_at=SIGN_IN_CODE.c.made_at))
    assert enter(client, code_in(came)).status_code == 401


def test_only_so_many_codes_are_sent_to_one_patient(client: TestClient, came: list[dict[str, Any]]) -> None:
    answers = [ask(client) for _ in range(codes.REQUESTS + 1)]
    assert answers == [200] * codes.REQUESTS + [429]
    assert len(came) == codes.REQUESTS
    assert ask(client, {**WHO, "number": "syn-1", "born": "1999-01-01"}) == 429
    assert [ask(client, NOBODY) for _ in range(codes.REQUESTS + 1)] == answers


def test_what_is_kept_and_said_holds_no_code(
    client: TestClient, came: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    ask(client)
    enter(client, "BBBB-BBBB")
    enter(client, code_in(came))
    with store.transaction() as session:
        kept = str(session.execute(select(SIGN_IN_CODE)).all())
    said = str(audited()) + kept + "".join(capfd.readouterr())
    for secret in (code_in(came), codes.as_typed(code_in(came)), "SYN-1", BORN, "SYNTHETIC"):
        assert secret not in said.replace("Kim SYNTHETIC", "the patient's own name, as the one who signs in")
    assert [one["outcomeDesc"] for one in audited()] == [
        "sign-in code requested",
        "sign-in code refused",
        "sign-in with a code",
    ]
    assert {one["entity"][0]["what"]["reference"] for one in audited()} == {f"Patient/{patient_id()}"}


def test_a_patients_sign_in_is_renewed_for_an_hour_and_ends_when_they_leave(
    client: TestClient, came: list[dict[str, Any]]
) -> None:
    ask(client)
    enter(client, code_in(came))
    kept = client.cookies[COOKIE]
    holder = security.verify(kept, settings().session_public_key_file, "user")
    expired = security.sign(settings().private_key(), holder, timedelta(seconds=-1))
    client.cookies.set(COOKIE, expired, domain="127.0.0.1")
    assert client.get("/sign-in/renew", params={"next": "/me"}).headers["location"] == "/me"
    renewed = security.verify(client.cookies[COOKIE], settings().session_public_key_file, "user")
    assert (renewed.fhir_user, renewed.session) == (holder.fhir_user, holder.session)
    with store.transaction() as session:
        session.execute(update(SIGN_IN).values(started_at=SIGN_IN.c.started_at - timedelta(hours=1)))
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")
    with store.transaction() as session:
        session.execute(update(SIGN_IN).values(started_at=func.now()))
    client.cookies.set(COOKIE, kept, domain="127.0.0.1")
    client.post("/sign-out")
    client.cookies.set(COOKIE, kept, domain="127.0.0.1")
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")


def test_a_code_from_the_desk_lets_a_patient_in(
    client: TestClient, came: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["patients", "code", "--patient", patient_id()]) == 0
    code = capsys.readouterr().out.split("code: ")[1].split()[0]
    assert came == []
    assert enter(client, code).status_code == 303
    assert audited()[0]["outcomeDesc"] == "sign-in code made at the desk"
    assert cli.main(["patients", "code", "--patient", "00000000-0000-4000-8000-000000000000"]) != 0


def test_without_a_channel_the_page_says_where_codes_are_given(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_GATEWAY_CODE_URL")
    settings.cache_clear()
    assert "Ask at the reception" in client.get("/sign-in/code").text
    assert "à l'accueil" in client.get("/sign-in/code?lang=fr").text.replace("&#39;", "'")
    with store.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SIGN_IN_CODE)) == 0


def test_a_channel_that_is_away_is_not_the_patients_business(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_GATEWAY_CODE_URL", "http://127.0.0.1:9/fhir")
    settings.cache_clear()
    assert ask(client) == 200
    assert "SYN-1" not in "".join(capfd.readouterr())


def test_who_wants_a_patients_page_is_asked_for_a_code_in_that_language(client: TestClient) -> None:
    where = client.get("/sign-in", params={"next": "/me?lang=fr"}).headers["location"]
    assert where.startswith("/sign-in/code?next=")
    assert "Se connecter avec un code" in client.get(where).text


def test_a_code_leads_to_no_other_site(client: TestClient, came: list[dict[str, Any]]) -> None:
    ask(client)
    assert enter(client, code_in(came), next="//evil.example").headers["location"] == "/me?lang=en"

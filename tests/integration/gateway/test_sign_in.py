"""People sign in, stay a working day, and are gone when they leave or are disabled; systems have one good token."""

import argparse
import io
from collections.abc import Callable, Iterator
from datetime import timedelta

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from services.gateway import commands, pages, store
from services.gateway.domain.accounts import TRIES_A_NAME
from services.gateway.settings import settings
from services.gateway.store.tables import SIGN_IN
from shared import cli, outbox, security, web
from shared.errors import Conflict, InvalidResource, NotFound
from shared.http import Door, create_app
from shared.security import COOKIE, Principal, Role

ORIGIN = "http://127.0.0.1:8080"
PASSWORD = "correct horse battery"  # noqa: S105 (of an account that lives as long as its test)
WRONG = "wrong horse battery"


@pytest.fixture
def client(database: Callable[[str], str]) -> Iterator[TestClient]:
    database("gateway")
    settings.cache_clear()
    _add("ada", "radiologist")
    app = create_app(Door("gateway", settings, web.error_page), [pages.router])
    headers = {"Origin": ORIGIN, "Accept": "text/html"}
    with TestClient(app, base_url=ORIGIN, follow_redirects=False, headers=headers) as made:
        yield made
    settings.cache_clear()


def _add(name: str, role: str) -> None:
    told = argparse.Namespace(account=name, role=role, name=f"Dr {name.title()} Reader", ask=True, patient=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        commands._add_user(told)  # noqa: SLF001 (the command as `hub` calls it)


def enter(client: TestClient, name: str = "ada", password: str = PASSWORD, where: str = "/") -> int:
    return client.post("/sign-in", data={"username": name, "password": password, "next": where}).status_code


def audited() -> list[tuple[str, str]]:
    """Kind and outcome of every AuditEvent that was said."""
    with store.transaction() as session:
        rows = session.execute(select(outbox.OUTBOX.c.body).order_by(outbox.OUTBOX.c.id)).scalars().all()
    events = [orjson.loads(row)[0][0]["entry"][1]["resource"] for row in rows]
    return [(event["type"]["display"], event["outcome"]) for event in events]


def stale(client: TestClient) -> None:
    """Let the token in the cookie be an expired one of the same sign-in."""
    token = client.cookies[COOKIE]
    holder = security.verify(token, settings().session_public_key_file, "user")
    expired = security.sign(settings().private_key(), holder, timedelta(seconds=-1))
    client.cookies.set(COOKIE, expired, domain="127.0.0.1")


def test_a_radiologist_signs_in_and_lands_on_the_worklist(client: TestClient) -> None:
    assert enter(client) == 303
    assert client.get("/").headers["location"] == "/worklist"
    assert audited() == [("Login", "0")]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"username": "ada", "password": PASSWORD})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert "path=/" in said


@pytest.mark.parametrize(("name", "password"), [("ada", WRONG), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_sound_the_same(client: TestClient, name: str, password: str) -> None:
    answer = client.post("/sign-in", data={"username": name, "password": password})
    assert answer.status_code == 401
    assert "The name or the password is not right" in answer.text
    assert COOKIE not in answer.cookies
    assert audited() == [("Login", "4")]


def test_too_many_tries_under_a_name_are_stopped_even_with_the_right_password(client: TestClient) -> None:
    for _ in range(TRIES_A_NAME):
        assert enter(client, password=WRONG) == 401
    assert enter(client) == 429


def test_the_right_password_forgives_earlier_mistakes(client: TestClient) -> None:
    for _ in range(TRIES_A_NAME - 1):
        enter(client, password=WRONG)
    assert enter(client) == 303
    assert enter(client, password=WRONG) == 401


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
def test_nobody_is_sent_to_another_site(client: TestClient, where: str) -> None:
    answer = client.post("/sign-in", data={"username": "ada", "password": PASSWORD, "next": where})
    assert answer.headers["location"] == "/"


def test_one_goes_on_to_where_one_wanted_to_be(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"username": "ada", "password": PASSWORD, "next": "/cases/7?tab=ai"})
    assert answer.headers["location"] == "/cases/7?tab=ai"


def test_another_sites_form_signs_nobody_in(client: TestClient) -> None:
    data = {"username": "ada", "password": PASSWORD}
    answer = client.post("/sign-in", data=data, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_an_expired_token_of_a_living_sign_in_is_renewed(client: TestClient) -> None:
    enter(client)
    stale(client)
    answer = client.get("/sign-in/renew", params={"next": "/worklist"})
    assert answer.headers["location"] == "/worklist"
    assert client.get("/").headers["location"] == "/worklist"


def test_a_page_that_is_open_can_ask_for_more_time(client: TestClient) -> None:
    enter(client)
    stale(client)
    assert client.post("/sign-in/renew").status_code == 204


def test_a_disabled_person_is_neither_let_in_nor_renewed(client: TestClient) -> None:
    enter(client)
    stale(client)
    assert cli.main(["users", "disable", "ada"]) == 0
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")
    assert client.post("/sign-in/renew", headers={"Accept": "*/*"}).status_code == 401
    assert enter(client) == 401


def test_who_signed_out_is_out_even_with_the_old_cookie(client: TestClient) -> None:
    enter(client)
    kept = client.cookies[COOKIE]
    client.post("/sign-out")
    client.cookies.set(COOKIE, kept, domain="127.0.0.1")
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")
    assert audited()[-1] == ("Logout", "0")


def test_a_sign_in_lasts_a_working_day(client: TestClient) -> None:
    enter(client)
    with store.transaction() as session:
        session.execute(update(SIGN_IN).values(started_at=SIGN_IN.c.started_at - timedelta(hours=8)))
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")


def test_a_forged_token_is_not_renewed(client: TestClient) -> None:
    foreign, _ = security.make_key()
    who = Principal("ada", "Ada", Role.RADIOLOGIST, None, "user", frozenset(), "s")
    client.cookies.set(COOKIE, security.sign(foreign, who, timedelta(minutes=1)), domain="127.0.0.1")
    assert client.get("/sign-in/renew").headers["location"].startswith("/sign-in?next=")


@pytest.mark.parametrize(("role", "work"), [("secretary", "/appointments/day"), ("administrator", "/ops")])
def test_people_go_to_where_their_work_is(client: TestClient, role: str, work: str) -> None:
    _add("bob", role)
    enter(client, "bob")
    assert client.get("/").headers["location"] == work


def test_who_has_no_page_of_their_own_is_told_where_everybody_works(client: TestClient) -> None:
    _add("bob", "privacy-officer")
    enter(client, "bob")
    assert client.get("/").status_code == 200


def test_a_reader_is_a_practitioner_in_the_repository(client: TestClient) -> None:
    assert client
    with store.transaction() as session:
        account = store.find_account(session, "ada")
        assert account is not None
        assert account.fhir_user is not None
        stored = store.find(session, "Practitioner", account.fhir_user.removeprefix("Practitioner/"))
    assert stored is not None


def test_a_name_is_given_once(client: TestClient) -> None:
    assert client
    with pytest.raises(Conflict):
        _add("ada", "clinician")


def test_a_short_password_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(InvalidResource, match="too short"):
        commands._add_user(argparse.Namespace(account="eve", role="clinician", name="E", ask=True, patient=None))  # noqa: SLF001


def test_a_generated_password_is_shown_once_and_works(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["users", "add", "grace", "--role", "clinician", "--name", "Dr Grace"]) == 0
    password = capsys.readouterr().out.split("password: ")[1].strip()
    assert enter(client, "grace", password) == 303
    assert cli.main(["users", "list"]) == 0
    listed = capsys.readouterr().out
    assert "grace" in listed
    assert password not in listed
    assert "argon2" not in listed


def test_a_client_gets_a_token_that_every_service_can_verify(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client
    assert cli.main(["clients", "add", "ehr", "--scope", "system/Message.c system/Study.c"]) == 0
    token = capsys.readouterr().out.split("token: ")[1].strip()
    who = security.verify(token, settings().session_public_key_file, "system")
    assert who.scopes == {"system/Message.c", "system/Study.c"}
    with store.transaction() as session:
        known = store.find_client(session, "ehr")
    assert known is not None
    assert known.token_id == who.session


def test_a_disabled_client_is_known_as_such(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert client
    cli.main(["clients", "add", "ehr", "--scope", "system/*.cruds"])
    assert cli.main(["clients", "disable", "ehr"]) == 0
    cli.main(["clients", "list"])
    assert "disabled" in capsys.readouterr().out.splitlines()[-1]
    with store.transaction() as session, pytest.raises(NotFound):
        store.disable_client(session, "nobody")

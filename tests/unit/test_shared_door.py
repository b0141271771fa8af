"""The door in front of every service: who passes, what it says, what it never says."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Request, Response
from fastapi.testclient import TestClient

from shared import db, settings
from shared.errors import Conflict, HubError
from shared.http import Door, create_app, principal
from shared.security import COOKIE, Principal, Role, make_key, sign
from shared.settings import ServiceSettings

ORIGIN = "http://127.0.0.1:8080"
READER = Principal("ada", "Dr Ada Reader", Role.RADIOLOGIST, "Practitioner/1", "user", frozenset(), "s1")
SECRETARY = Principal("sec", "A Secretary", Role.SECRETARY, "Practitioner/2", "user", frozenset(), "s2")
EHR = Principal("ehr", "EHR", None, None, "system", frozenset({"system/*.cruds"}), "ehr")

router = APIRouter()


@router.get("/cases/{case}")
def show(who: Annotated[Principal, Depends(principal)], case: str) -> dict[str, str]:
    return {"case": case, "who": who.subject}


@router.post("/cases/{case}")
async def change(request: Request, case: str) -> dict[str, int | str]:
    return {"case": case, "bytes": len(await request.body())}


@router.get("/cases/7/conflict")
def conflict() -> None:
    raise Conflict("Somebody else signed first", fix="Reload the case.")


@router.get("/cases/7/bug")
def bug() -> None:
    raise RuntimeError("PATIENT-SENTINEL")


def page(_: Request, error: HubError) -> Response:
    return Response(f"<p>{error.message}</p>", status_code=error.status, media_type="text/html")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, bytes]]:
    private, public = make_key()
    file = tmp_path_factory.mktemp("keys") / "public.pem"
    file.write_bytes(public)
    told = ServiceSettings(public_url=ORIGIN, broker_url="amqp://nobody", session_public_key_file=file)
    app = create_app(Door("results_sharing", lambda: told, page), [router])
    with TestClient(app, base_url=ORIGIN, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client, private


def cookie(private: bytes, who: Principal, lifetime: timedelta = timedelta(minutes=15)) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={sign(private, who, lifetime)}"}


def test_a_signed_in_reader_passes(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    answer = client.get("/cases/7", headers=cookie(private, READER))
    assert answer.json() == {"case": "7", "who": "ada"}


def test_nobody_is_told_to_sign_in_and_comes_back_after_it(door: tuple[TestClient, bytes]) -> None:
    answer = door[0].get("/cases/7?tab=ai", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fcases%2F7%3Ftab%3Dai")


def test_an_expired_session_goes_by_the_renewal(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    stale = cookie(private, READER, timedelta(seconds=-1))
    answer = client.get("/cases/7", headers={**stale, "Accept": "text/html"})
    assert answer.headers["location"] == "/sign-in/renew?next=%2Fcases%2F7"


def test_a_program_without_token_gets_an_outcome(door: tuple[TestClient, bytes]) -> None:
    answer = door[0].get("/cases/7")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.json()["issue"][0]["code"] == "login"


@pytest.mark.parametrize("path", ["/nowhere", "/fhir/Patient", "/metadata"])
def test_a_path_of_no_route_or_another_service_is_not_here(door: tuple[TestClient, bytes], path: str) -> None:
    assert door[0].get(path).status_code == 404


def test_an_address_that_no_database_takes_is_not_here(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    assert client.get("/cases/7%00", headers=cookie(private, READER)).status_code == 404


def test_a_method_that_a_path_does_not_have_is_told_with_those_that_it_has(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    answer = client.delete("/cases/7", headers=cookie(private, READER) | {"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.usefixtures("database_free")
def test_a_systems_token_does_not_open_peoples_pages(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    token = sign(private, EHR, timedelta(minutes=1))
    answer = client.get("/cases/7", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


@pytest.fixture
def database_free(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refusals are written to the database; here none listens, and the refusal must stand all the same."""
    monkeypatch.setenv("HUB_RESULTS_SHARING_DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none")
    settings.database_url.cache_clear()
    db.engine.cache_clear()
    yield
    settings.database_url.cache_clear()
    db.engine.cache_clear()


@pytest.mark.usefixtures("database_free")
def test_another_role_is_refused(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    assert client.get("/cases/7", headers=cookie(private, SECRETARY)).status_code == 403


@pytest.mark.usefixtures("database_free")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ORIGIN}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_only_our_own_pages_may_act_with_a_cookie(
    door: tuple[TestClient, bytes], headers: dict[str, str], status: int
) -> None:
    client, private = door
    answer = client.post("/cases/7", headers={**cookie(private, READER), **headers}, content=b"x")
    assert answer.status_code == status


def test_a_body_over_the_routes_limit_is_refused_before_it_is_read(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    headers = {**cookie(private, READER), "Origin": ORIGIN}
    assert client.post("/cases/7", headers=headers, content=b"x" * (256 * 1024 + 1)).status_code == 413


def test_a_body_that_hides_its_length_is_counted(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    headers = {**cookie(private, READER), "Origin": ORIGIN}
    parts = (b"x" * 65536 for _ in range(5))
    assert client.post("/cases/7", headers=headers, content=parts).status_code == 413


def test_an_error_says_what_and_how_to_fix_it(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    answer = client.get("/cases/7/conflict", headers=cookie(private, READER))
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["details"]["text"]) == (409, "Somebody else signed first")
    assert issue["diagnostics"] == "Reload the case."


def test_a_bug_answers_without_its_text(door: tuple[TestClient, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    client, private = door
    answer = client.get("/cases/7/bug", headers=cookie(private, READER))
    assert answer.status_code == 500
    assert "PATIENT-SENTINEL" not in answer.text + capsys.readouterr().err


def test_every_answer_carries_the_request_id_and_may_not_be_kept(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    answer = client.get("/cases/7", headers={**cookie(private, READER), "X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("hostile", ["a b", "x" * 200, "é"])
def test_a_request_id_that_could_break_a_log_is_replaced(door: tuple[TestClient, bytes], hostile: str) -> None:
    answer = door[0].get("/cases/7", headers={"X-Request-Id": hostile.encode()})
    assert answer.headers["x-request-id"] != hostile


def test_metrics_name_the_route_and_never_the_case(door: tuple[TestClient, bytes]) -> None:
    client, private = door
    client.get("/cases/SECRET-CASE", headers=cookie(private, READER))
    text = client.get("/metrics").text
    assert 'route="/cases/{case}"' in text
    assert "SECRET-CASE" not in text


@pytest.mark.usefixtures("database_free")
def test_readiness_says_no_when_the_database_is_away(door: tuple[TestClient, bytes]) -> None:
    assert door[0].get("/readyz").status_code == 503
    assert door[0].get("/healthz").status_code == 200

"""Signing in with a one-time code: ask for one, type it; the same answer and work whether the patient is known or not.

Sources: NIST SP 800-63B 5.1.3, 5.2.2; OWASP Authentication Cheat Sheet (the same answer for every failure).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, BackgroundTasks, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import channel, store
from services.gateway.domain import accounts, codes
from services.gateway.fhir import patients
from services.gateway.pages.session import patient_principal, set_cookie
from services.gateway.pages.words import MESSAGE, WORDS
from services.gateway.settings import settings
from services.gateway.store import Session, Stored
from shared import audit, web
from shared.audit import Entity
from shared.http import correlation, visitor
from shared.security import Principal
from shared.web.language import LANGUAGES, language

router = APIRouter(prefix="/sign-in/code")

HOME = "/me"
Step = Literal["ask", "enter"]
Text = Annotated[str, Form(max_length=200)]
Path = Annotated[str, Form(max_length=2000)]
TOO_MANY = 429


@dataclass(frozen=True)
class Typed:
    """What the person says of themself, and on which page.

    Attributes:
        born: YYYY-MM-DD.
    """

    number: str
    born: str
    lang: str
    next: str

    @property
    def is_whole(self) -> bool:
        """Whether it can be looked up."""
        return bool(codes.spellings(self.number)) and bool(self.born.strip()) and self.born.isprintable()


@router.get("")
def form(request: Request, next: str = HOME, lang: str = "", have: bool = False) -> Response:  # noqa: A002, FBT001, FBT002 (names in the address)
    """The form: which patient, or, where one has a code already, everything at once."""
    if visitor(request):
        return RedirectResponse(accounts.local_path(next), status_code=303)
    typed = Typed("", "", language(request, lang or accounts.language_in(next)), accounts.local_path(next))
    return _page(request, "enter" if have or settings().code_url is None else "ask", typed)


@router.post("")
def ask(
    request: Request,
    later: BackgroundTasks,
    number: Text = "",
    born: Text = "",
    lang: Text = "",
    next: Path = HOME,  # noqa: A002 (its name in the form)
) -> Response:
    """Make a code for the patient, if it is one; it is sent once the answer has gone out."""
    typed = Typed(number, born, language(request, lang), accounts.local_path(next))
    if settings().code_url is None:
        return _page(request, "enter", typed)
    if not typed.is_whole:
        return _page(request, "ask", typed, problem="missing", status=422)
    if _is_too_much(request, typed, "code asked", codes.REQUESTS, codes.REQUESTS_WINDOW):
        return _page(request, "ask", typed, problem="many", status=TOO_MANY)
    code = codes.make_code()
    with store.transaction() as session:
        patient = _patient(session, typed)
        holder = patient.id if patient else codes.nobody(number)
        store.keep_code(session, holder, _hash(holder, code), codes.LASTS)
        _record(session, request, None, patient, "sign-in code requested")
    if patient:
        later.add_task(_send, patient, codes.spellings(number), code, typed.lang)
    return _page(request, "enter", typed, sent=True)


@router.post("/check")
def check(
    request: Request,
    number: Text = "",
    born: Text = "",
    code: Text = "",
    lang: Text = "",
    next: Path = HOME,  # noqa: A002 (its name in the form)
) -> Response:
    """Let a patient in with the right code, once."""
    typed = Typed(number, born, language(request, lang), accounts.local_path(next))
    if not typed.is_whole or not code.strip():
        return _page(request, "enter", typed, problem="missing", status=422)
    if _is_too_much(request, typed, "code tried", accounts.TRIES_A_NAME, accounts.TRIES_WINDOW):
        return _page(request, "enter", typed, problem="many", status=TOO_MANY)
    with store.transaction() as session:
        patient = _patient(session, typed)
        holder = patient.id if patient else codes.nobody(number)
        right = store.use_code(session, holder, _hash(holder, codes.as_typed(code)), codes.TRIES)
        if not right or patient is None:
            _record(session, request, None, patient, "sign-in code refused", outcome="4")
            who = None
        else:
            who = patient_principal(patient, str(uuid4()))
            store.begin_patient_sign_in(session, who.session, patient.id)
            _record(session, request, who, patient, "sign-in with a code")
    if who is None:
        return _page(request, "enter", typed, problem="wrong", status=401)
    answer = RedirectResponse(_home(typed), status_code=303)
    set_cookie(answer, who)
    return answer


def _home(typed: Typed) -> str:
    """Where the patient goes on, in the language in which they signed in."""
    bare = typed.next in {"/", HOME}
    return f"{HOME}?lang={typed.lang}" if bare else typed.next


def _patient(session: Session, typed: Typed) -> Stored | None:
    """The one patient of this number and date of birth; none when it is nobody, or several."""
    known = store.find_patients(session, codes.spellings(typed.number))
    fitting = [
        one
        for one in known
        if patients.is_active(one.resource) and codes.is_born(one.resource.get("birthDate"), typed.born.strip())
    ]
    return fitting[0] if len(fitting) == 1 else None


def _is_too_much(request: Request, typed: Typed, what: str, limit: int, window: timedelta) -> bool:
    """Counted and committed before anything is looked at, so that tries at the same time count too."""
    address = request.client.host if request.client else "unknown"
    with store.transaction() as session:
        known = store.find_patients(session, codes.spellings(typed.number))
        from_here = store.count_try(session, f"address {address}", accounts.TRIES_WINDOW)
        of_patient = store.count_try(session, codes.tries_key(what, [one.id for one in known], typed.number), window)
    return of_patient > limit or from_here > accounts.TRIES_AN_ADDRESS


def _hash(holder: str, code: str) -> str:
    return codes.keyed_hash(settings().private_key(), holder, code)


def _send(patient: Stored, numbers: tuple[str, ...], code: str, lang: str) -> None:
    """Runs when the answer is out and no transaction is open."""
    address = settings().code_url
    if address is None:
        return
    spoken = patients.language_of(patient.resource, lang)
    chosen = spoken if spoken in LANGUAGES else lang
    text = MESSAGE[chosen].format(code=codes.for_people(code))
    message = patients.to_message(patient.resource, numbers, text, chosen, codes.LASTS)
    channel.send(message, address, settings().code_token)


def _page(
    request: Request, step: Step, typed: Typed, *, problem: str | None = None, sent: bool = False, status: int = 200
) -> Response:
    words = WORDS[typed.lang]
    return web.render(
        "gateway/code.html",
        request,
        status=status,
        step=step,
        typed=typed,
        lang=typed.lang,
        words=words,
        problem=words[problem] if problem else None,
        sent=sent,
        sends=settings().code_url is not None,
        here=f"/sign-in/code?next={quote(typed.next, safe='')}",
    )


def _record(
    session: Session,
    request: Request,
    who: Principal | None,
    patient: Stored | None,
    detail: str,
    *,
    outcome: Literal["0", "4"] = "0",
) -> None:
    about = [Entity(reference=f"Patient/{patient.id}")] if patient else []
    event = audit.audit_event(
        service="gateway", who=who, kind="sign-in", action="E", entities=about, outcome=outcome, detail=detail
    )
    audit.record(session, event, service="gateway", correlation=correlation(request))

"""`hub users`, `hub clients`, `hub patients`: who may sign in, which systems have a token; secrets show once."""

import argparse
import getpass
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher

from services.gateway import store
from services.gateway.domain import accounts, codes
from services.gateway.domain.draft import Draft
from services.gateway.domain.search import is_id
from services.gateway.settings import settings
from services.gateway.store import Account, Client
from shared import audit
from shared.audit import Entity
from shared.errors import InvalidResource, NotFound
from shared.fhir.codes import BASE
from shared.security import Principal, Role, sign

ACCOUNT_SYSTEM = f"{BASE}/NamingSystem/account"
"""Identifier system of the Practitioner that an account of a professional gets."""

TOKEN_DAYS = 365
LONGEST_DAYS = 3650


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands."""
    _register_users(commands.add_parser("users", help="people who may sign in"))
    _register_clients(commands.add_parser("clients", help="systems that have a token"))
    _register_patients(commands.add_parser("patients", help="help patients at the desk"))


def _register_users(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="add a person; a password is made and shown once")
    add.add_argument("account", help="the name to sign in with")
    add.add_argument("--role", required=True, choices=[str(role) for role in Role])
    add.add_argument("--name", required=True, help="as others see it, for example 'Dr Ada Example'")
    add.add_argument("--patient", metavar="ID", help="for the role patient: the hub id of the Patient")
    add.add_argument("--ask", action="store_true", help="ask for the password, or read it from standard input")
    add.set_defaults(run=_add_user)
    verbs.add_parser("list", help="everybody").set_defaults(run=_list_users)
    disable = verbs.add_parser("disable", help="let a person in no more")
    disable.add_argument("account")
    disable.set_defaults(run=_disable_user)


def _register_clients(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="give a system a token, shown once; an older one of it is refused from then on")
    add.add_argument("client", help="a short name, for example st-luke")
    add.add_argument("--scope", action="append", required=True, help="such as 'system/*.cruds'; may be given again")
    add.add_argument("--name", help="as people see it")
    add.add_argument("--days", type=int, default=TOKEN_DAYS, help=f"how long it is good (default {TOKEN_DAYS})")
    add.set_defaults(run=_add_client)
    verbs.add_parser("list", help="all systems").set_defaults(run=_list_clients)
    disable = verbs.add_parser("disable", help="refuse a system's token at the FHIR door")
    disable.add_argument("client")
    disable.set_defaults(run=_disable_client)


def _register_patients(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    code = verbs.add_parser("code", help="make a one-time sign-in code for a patient who stands at the desk")
    code.add_argument("--patient", metavar="ID", required=True, help="the hub id of the Patient")
    code.add_argument("--who", default=os.environ.get("USER", "operator"), help="who makes it (default $USER)")
    code.set_defaults(run=_make_code)


def _make_code(told: argparse.Namespace) -> int:
    code = codes.make_code()
    with store.transaction() as session:
        if not is_id(told.patient) or not store.find(session, "Patient", told.patient):
            raise NotFound("There is no such Patient", fix="Give the hub id of the Patient with --patient.")
        hashed = codes.keyed_hash(settings().private_key(), told.patient, code)
        store.keep_code(session, told.patient, hashed, codes.LASTS)
        about = [Entity(reference=f"Patient/{told.patient}")]
        desk = Principal(told.who, told.who, Role.SECRETARY, None, "user", frozenset(), "command-line")
        event = audit.audit_event(
            service="gateway",
            who=desk,
            kind="sign-in",
            action="E",
            entities=about,
            detail="sign-in code made at the desk",
        )
        audit.record(session, event, service="gateway", correlation=str(event["id"]))
    sys.stderr.write("Check who the patient is before you hand it over.\n")
    page = f"{settings().public_url}/sign-in/code?have=1"
    lasts = int(codes.LASTS.total_seconds() // 60)
    sys.stdout.write(f"code: {codes.for_people(code)}\ngood for: {lasts} minutes, once\npage: {page}\n")
    return 0


def _add_user(told: argparse.Namespace) -> int:
    name = accounts.require_name(told.account)
    role = Role(told.role)
    password = accounts.require_password(_asked()) if told.ask else secrets.token_urlsafe(12)
    hashed = PasswordHasher().hash(password)
    with store.transaction() as session:
        fhir_user = _fhir_user(session, role, name, told)
        store.add_account(session, Account(name, told.name, str(role), hashed, fhir_user))
    sys.stdout.write(f"name: {name}\nrole: {role}\n")
    if not told.ask:
        sys.stdout.write(f"password: {password}\n")
        sys.stderr.write("The password is not shown again.\n")
    return 0


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first, again = getpass.getpass("Password: "), getpass.getpass("Again: ")
    if first != again:
        raise InvalidResource("The two passwords differ", fix="Run the command again.")
    return first


def _fhir_user(session: store.Session, role: Role, name: str, told: argparse.Namespace) -> str | None:
    """The resource that stands for the person: professionals get a Practitioner, a patient is one already here."""
    if role is Role.PATIENT:
        if not told.patient or not is_id(told.patient) or not store.find(session, "Patient", told.patient):
            raise NotFound("There is no such Patient", fix="Give the hub id of the Patient with --patient.")
        return f"Patient/{told.patient}"
    if role is Role.ADMINISTRATOR:
        return None
    resource = {
        "resourceType": "Practitioner",
        "identifier": [{"system": ACCOUNT_SYSTEM, "value": name}],
        "active": True,
        "name": [{"text": told.name}],
    }
    (saved,) = store.take_in(session, [Draft(resource)], origin="hub")
    return f"Practitioner/{saved.draft.id}"


def _list_users(_: argparse.Namespace) -> int:
    with store.transaction() as session:
        for one in store.list_accounts(session):
            sys.stdout.write(
                f"{one.name}\t{one.role}\t{'enabled' if one.enabled else 'disabled'}\t{one.display_name}\n"
            )
    return 0


def _disable_user(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        store.disable_account(session, told.account)
    sys.stdout.write(f"{told.account} can sign in no more; an open session ends within 15 minutes.\n")
    return 0


def _add_client(told: argparse.Namespace) -> int:
    name = accounts.require_name(told.client)
    scopes = tuple(sorted({scope for given in told.scope for scope in given.split()}))
    accounts.require_scopes(scopes)
    if not 1 <= told.days <= LONGEST_DAYS:
        raise InvalidResource("The number of days makes no sense", fix=f"Give 1 to {LONGEST_DAYS}.")
    lifetime = timedelta(days=told.days)
    client = Client(name, told.name or name, scopes, str(uuid4()), datetime.now(UTC) + lifetime)
    who = Principal(client.id, client.name, None, None, "system", frozenset(scopes), client.token_id)
    token = sign(settings().private_key(), who, lifetime)
    with store.transaction() as session:
        store.add_client(session, client)
    sys.stderr.write("The token is not shown again.\n")
    sys.stdout.write(
        f"client: {name}\nscopes: {' '.join(scopes)}\nexpires: {client.expires_at:%Y-%m-%d}\ntoken: {token}\n"
    )
    return 0


def _list_clients(_: argparse.Namespace) -> int:
    with store.transaction() as session:
        for one in store.list_clients(session):
            state = "enabled" if one.enabled else "disabled"
            sys.stdout.write(
                f"{one.id}\t{state}\tuntil {one.expires_at:%Y-%m-%d}\t{' '.join(one.scopes)}\t{one.name}\n"
            )
    return 0


def _disable_client(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        store.disable_client(session, told.client)
    sys.stdout.write(
        f"The FHIR door refuses the token of {told.client} within seconds; at others it ends with its date.\n"
    )
    return 0

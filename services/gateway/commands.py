"""`hub users` and `hub clients`: who may sign in, and which systems have a token."""

import argparse
import getpass
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from services.gateway import store
from services.gateway.domain.accounts import require_name, require_password
from services.gateway.domain.draft import Draft
from services.gateway.settings import settings
from services.gateway.sign_in import hasher
from shared.errors import InvalidResource
from shared.fhir.codes import BASE
from shared.security import Principal, Role, sign

ACCOUNT_SYSTEM = f"{BASE}/NamingSystem/account"
GENERATED_BYTES = 15
LONGEST_DAYS = 730


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    users = commands.add_parser("users", help="accounts of people").add_subparsers(required=True, metavar="action")
    add = users.add_parser("add", help="add a person; prints a generated password once")
    add.add_argument("account")
    add.add_argument("--role", required=True, choices=[str(role) for role in Role])
    add.add_argument("--name", required=True, help="as patients and colleagues read it, such as 'Dr Ada Reader'")
    add.add_argument("--ask", action="store_true", help="ask for the password, or read it from standard input")
    add.set_defaults(run=_add_user)
    users.add_parser("list", help="everybody").set_defaults(run=_list_users)
    off = users.add_parser("disable", help="let somebody in no more")
    off.add_argument("account")
    off.set_defaults(run=_disable_user)
    clients = commands.add_parser("clients", help="tokens of systems").add_subparsers(required=True, metavar="action")
    add = clients.add_parser("add", help="add a system, or give it a new token; prints the token once")
    add.add_argument("client")
    add.add_argument("--scope", required=True, help="for example 'system/Message.c system/Study.c'")
    add.add_argument("--days", type=int, default=365, help="how long the token is good")
    add.set_defaults(run=_add_client)
    clients.add_parser("list", help="all systems").set_defaults(run=_list_clients)
    off = clients.add_parser("disable", help="refuse a system's token")
    off.add_argument("client")
    off.set_defaults(run=_disable_client)


def _add_user(told: argparse.Namespace) -> int:
    name = require_name(told.account)
    password = require_password(_asked() if told.ask else secrets.token_urlsafe(GENERATED_BYTES))
    role = Role(told.role)
    with store.transaction() as session:
        fhir_user = None if role is Role.PATIENT else _practitioner(session, name, told.name)
        account = store.Account(name, told.name, str(role), hasher().hash(password), fhir_user)
        store.add_account(session, account)
    sys.stdout.write(f"Added {name} ({role}).\n" + ("" if told.ask else f"Password: {password}\n"))
    return 0


def _practitioner(session: store.Session, account: str, name: str) -> str:
    """Whoever signs is a resource too, so that a report can say who it was."""
    number = str(uuid5(NAMESPACE_URL, f"{ACCOUNT_SYSTEM}|{account}"))
    resource = {
        "resourceType": "Practitioner",
        "id": number,
        "identifier": [{"system": ACCOUNT_SYSTEM, "value": account}],
        "active": True,
        "name": [{"text": name}],
    }
    (saved,) = store.take_in(session, [Draft(resource, id=number)], origin="hub")
    return f"Practitioner/{saved.draft.id}"


def _asked() -> str:
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _list_users(_: argparse.Namespace) -> int:
    with store.transaction() as session:
        found = store.list_accounts(session)
    for one in found:
        state = "enabled" if one.enabled else "disabled"
        sys.stdout.write(f"{one.name:<24} {one.role:<16} {state:<9} {one.display_name}\n")
    return 0


def _disable_user(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        store.disable_account(session, told.account)
    sys.stdout.write(f"{told.account} is disabled; a session that is open ends within 15 minutes.\n")
    return 0


def _add_client(told: argparse.Namespace) -> int:
    name = require_name(told.client)
    if not 0 < told.days <= LONGEST_DAYS:
        raise InvalidResource("The token's life is out of range", fix=f"Use 1 to {LONGEST_DAYS} days.")
    scopes = frozenset(told.scope.split())
    lifetime = timedelta(days=told.days)
    number = str(uuid4())
    client = store.Client(name, name, tuple(sorted(scopes)), number, datetime.now(UTC) + lifetime)
    with store.transaction() as session:
        store.add_client(session, client)
    who = Principal(name, name, None, None, "system", scopes, number)
    token = sign(settings().session_private_key_file.read_bytes(), who, lifetime)
    sys.stdout.write(f"Added {name}; the token is shown this once.\nToken: {token}\n")
    return 0


def _list_clients(_: argparse.Namespace) -> int:
    with store.transaction() as session:
        found = store.list_clients(session)
    for one in found:
        state = "enabled" if one.enabled else "disabled"
        sys.stdout.write(f"{one.id:<24} {state:<9} until {one.expires_at:%Y-%m-%d} {' '.join(one.scopes)}\n")
    return 0


def _disable_client(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        store.disable_client(session, told.client)
    sys.stdout.write(f"{told.client} is disabled at the FHIR door; at others its token ends with its time.\n")
    return 0

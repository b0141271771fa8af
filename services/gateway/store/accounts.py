"""Accounts, sign-ins, tries and clients."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.gateway.store.resources import COLUMNS, Stored, stored_from
from services.gateway.store.tables import ACCOUNT, CLIENT, RESOURCE, SIGN_IN, SIGN_IN_TRY
from shared.errors import Conflict, NotFound


@dataclass(frozen=True)
class Account:
    """A person who may sign in."""

    name: str
    display_name: str
    role: str
    password_hash: str
    fhir_user: str | None
    enabled: bool = True


@dataclass(frozen=True)
class Client:
    """A system with a token.

    Attributes:
        token_id: of the one token that is good; an older one is refused.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    token_id: str
    expires_at: datetime
    enabled: bool = True


_ACCOUNT = [ACCOUNT.c[name] for name in Account.__dataclass_fields__]
_CLIENT = [CLIENT.c[name] for name in Client.__dataclass_fields__]
LISTED = 1000
KEPT = timedelta(days=1)


def add_account(session: Session, account: Account) -> None:
    """Add a person.

    Raises:
        Conflict: the name is taken.
    """
    row = insert(ACCOUNT).values(
        name=account.name,
        display_name=account.display_name,
        role=account.role,
        password_hash=account.password_hash,
        fhir_user=account.fhir_user,
    )
    if not session.execute(row.on_conflict_do_nothing().returning(ACCOUNT.c.name)).first():
        raise Conflict("There is an account of this name", fix="Choose another name; names are never used again.")


def find_account(session: Session, name: str) -> Account | None:
    """A person by name."""
    row = session.execute(select(*_ACCOUNT).where(ACCOUNT.c.name == name)).first()
    return Account(*row) if row else None


def list_accounts(session: Session) -> list[Account]:
    """Everybody, by name."""
    return [Account(*row) for row in session.execute(select(*_ACCOUNT).order_by(ACCOUNT.c.name).limit(LISTED))]


def disable_account(session: Session, name: str) -> None:
    """Let a person in no more: sign-ins end with the token at hand, within minutes.

    Raises:
        NotFound: no such account.
    """
    found = update(ACCOUNT).where(ACCOUNT.c.name == name).values(enabled=False).returning(ACCOUNT.c.name)
    if not session.execute(found).first():
        raise NotFound("There is no account of this name", fix="See `hub users list`.")
    session.execute(
        update(SIGN_IN).where(SIGN_IN.c.account == name, SIGN_IN.c.ended_at.is_(None)).values(ended_at=func.now())
    )


def begin_sign_in(session: Session, sid: str, account: str) -> None:
    """A person signed in."""
    session.execute(insert(SIGN_IN).values(sid=sid, account=account))


def begin_patient_sign_in(session: Session, sid: str, patient: str) -> None:
    """A patient signed in with a code."""
    session.execute(insert(SIGN_IN).values(sid=sid, patient=patient))


def find_signed_in_patient(session: Session, sid: str, lasts: timedelta) -> Stored | None:
    """Whose sign-in with a code it is, while it lasts."""
    query = (
        select(*COLUMNS)
        .join(SIGN_IN, SIGN_IN.c.patient == RESOURCE.c.id)
        .where(SIGN_IN.c.sid == sid, SIGN_IN.c.ended_at.is_(None), SIGN_IN.c.started_at > func.now() - lasts)
    )
    row = session.execute(query).first()
    return stored_from(row) if row else None


def find_signed_in(session: Session, sid: str, lasts: timedelta) -> Account | None:
    """Whose sign-in it is, while it lasts and the account is enabled."""
    query = (
        select(*_ACCOUNT)
        .join(SIGN_IN, SIGN_IN.c.account == ACCOUNT.c.name)
        .where(
            SIGN_IN.c.sid == sid,
            SIGN_IN.c.ended_at.is_(None),
            SIGN_IN.c.started_at > func.now() - lasts,
            ACCOUNT.c.enabled,
        )
    )
    row = session.execute(query).first()
    return Account(*row) if row else None


def end_sign_in(session: Session, sid: str) -> None:
    """A person signed out."""
    session.execute(
        update(SIGN_IN).where(SIGN_IN.c.sid == sid, SIGN_IN.c.ended_at.is_(None)).values(ended_at=func.now())
    )


def count_try(session: Session, key: str, window: timedelta) -> int:
    """Count one more try under a key, and say how many there were in the window, this one included."""
    over = SIGN_IN_TRY.c.since < func.now() - window
    row = insert(SIGN_IN_TRY).values(key=key, tries=1)
    more = row.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "tries": case((over, 1), else_=SIGN_IN_TRY.c.tries + 1),
            "since": case((over, func.now()), else_=SIGN_IN_TRY.c.since),
        },
    )
    return int(session.execute(more.returning(SIGN_IN_TRY.c.tries)).scalar_one())


def forget_tries(session: Session, key: str) -> None:
    """The right password was given: earlier tries no longer count; nor do those of anybody that are long past."""
    old = SIGN_IN_TRY.c.since < func.now() - KEPT
    stale = select(SIGN_IN_TRY.c.key).where((SIGN_IN_TRY.c.key == key) | old).limit(LISTED)
    session.execute(delete(SIGN_IN_TRY).where(SIGN_IN_TRY.c.key.in_(stale.with_for_update(skip_locked=True))))


def add_client(session: Session, client: Client) -> None:
    """Add a system, or give one that is there a new token; the old one is refused from then on."""
    values = {
        "name": client.name,
        "scopes": list(client.scopes),
        "token_id": client.token_id,
        "expires_at": client.expires_at,
        "enabled": True,
    }
    row = insert(CLIENT).values(id=client.id, **values)
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))


def find_client(session: Session, number: str) -> Client | None:
    """A system by its id."""
    row = session.execute(select(*_CLIENT).where(CLIENT.c.id == number)).first()
    return Client(*row) if row else None


def list_clients(session: Session) -> list[Client]:
    """All systems, by id."""
    return [Client(*row) for row in session.execute(select(*_CLIENT).order_by(CLIENT.c.id).limit(LISTED))]


def disable_client(session: Session, number: str) -> None:
    """Refuse a system's token from now on.

    Raises:
        NotFound: no such client.
    """
    found = update(CLIENT).where(CLIENT.c.id == number).values(enabled=False).returning(CLIENT.c.id)
    if not session.execute(found).first():
        raise NotFound("There is no client of this name", fix="See `hub clients list`.")

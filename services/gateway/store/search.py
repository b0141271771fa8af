"""A search as SQL: criteria become conditions; the newest come first, and the total is counted."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from services.gateway.domain.repository import Kind
from services.gateway.domain.search import Criterion, DateTest, Search, Token, Value, Word, is_id
from services.gateway.store.resources import COLUMNS, Stored, stored_from
from services.gateway.store.tables import IDENTIFIER, RESOURCE


def search(session: Session, wanted: Search, *, preliminary: bool) -> tuple[int, list[Stored]]:
    """How many match, and the newest of them.

    Args:
        preliminary: whether AI results that nobody has signed are among them.
    """
    conditions = [RESOURCE.c.type == wanted.type.name, *(_condition(one) for one in wanted.criteria)]
    if not preliminary:
        conditions.append(RESOURCE.c.preliminary.is_(False))
    total = session.execute(select(func.count()).select_from(RESOURCE).where(*conditions)).scalar_one()
    if not total or not wanted.count:
        return total, []
    newest = select(*COLUMNS).where(*conditions).order_by(RESOURCE.c.last_updated.desc(), RESOURCE.c.id)
    return total, [stored_from(row) for row in session.execute(newest.limit(wanted.count))]


def _condition(criterion: Criterion) -> ColumnElement[bool]:
    return or_(*(_matches(criterion, value) for value in criterion.values))


def _matches(criterion: Criterion, value: Value) -> ColumnElement[bool]:  # noqa: PLR0911 (one return a kind)
    match value:
        case Word(text):
            return RESOURCE.c.words.contains([text])
        case Token() if criterion.parameter == "identifier":
            return _has_identifier(value)
        case Token() if criterion.parameter == "_id":
            return RESOURCE.c.id == value.value if is_id(value.value or "") else false()
        case Token():
            return RESOURCE.c.status == value.value
        case DateTest():
            return _compares(value)
        case _ if criterion.kind is Kind.REFERENCE and value:
            return RESOURCE.c.patient == value
        case _:
            return false()


def _has_identifier(token: Token) -> ColumnElement[bool]:
    parts: list[ColumnElement[Any]] = [IDENTIFIER.c.id == RESOURCE.c.id, IDENTIFIER.c.type == RESOURCE.c.type]
    if token.system is not None:
        parts.append(IDENTIFIER.c.system == token.system)
    if token.value is not None:
        parts.append(IDENTIFIER.c.value == token.value)
    return exists().where(*parts)


def _compares(test: DateTest) -> ColumnElement[bool]:
    """FHIR's comparison of two spans (R4 search, table of prefixes)."""
    starts, ends, span = RESOURCE.c.starts, RESOURCE.c.ends, test.span
    match test.prefix:
        case "ge":
            return ends > span.start
        case "gt":
            return ends > span.end
        case "le":
            return starts < span.end
        case "lt":
            return starts < span.start
        case _:
            return and_(starts >= span.start, ends <= span.end)

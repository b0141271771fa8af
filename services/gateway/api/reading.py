"""Read and search: only what the caller may see, and audited before it is answered.

Source: http://hl7.org/fhir/R4/http.html#read
"""

from collections.abc import Sequence
from datetime import UTC
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Header, Request, Response

from services.gateway import store
from services.gateway.api.audited import note_read
from services.gateway.api.door import Caller, Form, base
from services.gateway.domain.access import may_see_preliminary, person_may_read
from services.gateway.domain.refusals import Malformed
from services.gateway.domain.repository import ResourceType, type_of
from services.gateway.domain.search import is_id, search_of
from services.gateway.fhir.bundles import searchset
from services.gateway.store import Stored
from shared.errors import Forbidden, NotFound
from shared.http import FHIR_JSON, correlation
from shared.security import Principal, require_scope

router = APIRouter()


@router.get("/fhir/{kind}/{number}")
def read(
    request: Request, who: Caller, kind: str, number: str, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The current version of a resource; 304 when the caller has it already."""
    _require_right(who, type_of(kind), "r")
    found = None
    if is_id(number):
        with store.transaction() as session:
            found = store.find(session, kind, number)
            if found and found.preliminary and not _sees_preliminary(who):
                found = None
            if found:
                note_read(session, who, kind, [found], correlation(request))
    if found is None:
        raise NotFound(f"There is no such {kind}", fix="Search for it: ids of the hub are not those of the hospital.")
    headers = version_headers(found)
    if if_none_match and headers["ETag"] in {tag.strip() for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=FHIR_JSON, headers=headers)


@router.get("/fhir/{kind}")
def search(request: Request, who: Caller, kind: str) -> Response:
    """What matches a query."""
    return _search(request, who, kind, request.query_params.multi_items())


@router.post("/fhir/{kind}/_search")
def search_by_form(request: Request, who: Caller, kind: str, form: Form) -> Response:
    """What matches a form; nothing of it stands in an address."""
    try:
        pairs = parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Malformed("The form cannot be read", fix="Send name=value pairs in UTF-8.") from None
    return _search(request, who, kind, [*request.query_params.multi_items(), *pairs])


def _search(request: Request, who: Principal, kind: str, pairs: Sequence[tuple[str, str]]) -> Response:
    found_type = type_of(kind)
    _require_right(who, found_type, "s")
    wanted = search_of(found_type, pairs)
    with store.transaction() as session:
        total, found = store.search(session, wanted, preliminary=_sees_preliminary(who))
        note_read(session, who, kind, found, correlation(request))
    body = searchset(base(), kind, pairs, total, [(one.id, one.body) for one in found])
    return Response(body, media_type=FHIR_JSON)


def _require_right(who: Principal, kind: ResourceType, right: str) -> None:
    """Systems by scope, people by role.

    Raises:
        Forbidden: neither covers it.
    """
    if who.audience == "system":
        require_scope(who, kind.name, "r" if right == "r" else "s")
    elif not person_may_read(str(who.role), kind.name):
        raise Forbidden(f"{kind.name} is not for your role", fix="Ask an administrator for the role you need.")


def _sees_preliminary(who: Principal) -> bool:
    return may_see_preliminary(str(who.role) if who.role else None, who.scopes)


def version_headers(found: Stored) -> dict[str, str]:
    """ETag and Last-Modified of a version."""
    modified = format_datetime(found.last_updated.astimezone(UTC), usegmt=True)
    return {"ETag": f'W/"{found.version}"', "Last-Modified": modified}

"""What a caller of `$find`, `$hold` and `$book` asks for.

Source: IHE ITI Scheduling 1.0 (https://profiles.ihe.net/ITI/Scheduling): ITI-115, ITI-116, ITI-117.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from services.scheduling.domain.calendar import midnight
from services.scheduling.fhir.resources import SERVICE_SYSTEM
from shared.errors import InvalidResource

LARGEST_COUNT: Final = 100
COUNT: Final = 20
_FOUND_BY: Final = frozenset({"start", "end", "visit-type", "location-string", "_count"})
_NOT_NARROWING: Final = frozenset({"patient-reference", "patient-resource", "_format"})
"""Taken and not used: who comes does not change what is free."""

Resource = dict[str, Any]


@dataclass(frozen=True)
class Find:
    """A search for free time.

    Attributes:
        start, end: as asked; a date means the local day of each schedule.
        services: codes of `visit-type`; empty for all.
        location: part of the location's words.
    """

    start: str
    end: str
    services: tuple[str, ...] = ()
    location: str = ""
    count: int = COUNT


@dataclass(frozen=True)
class Wanted:
    """What is to become of an appointment.

    Attributes:
        number: its id, or of the slot that `$find` offered.
        status: of the Appointment that was sent along; None when it was only named.
        slots: ids of the slots that it is to have; empty for those that it has.
        identifiers: of the patient, by system and value.
    """

    number: str | None = None
    status: str | None = None
    slots: tuple[str, ...] = ()
    patient: str | None = None
    identifiers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


def find_from_query(pairs: Iterable[tuple[str, str]]) -> Find:
    """A search of a query string.

    Raises:
        InvalidResource: a parameter is missing, twice, or not offered.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    unknown = sorted(set(given) - _FOUND_BY - _NOT_NARROWING)
    if unknown:
        raise InvalidResource(
            "A parameter of $find is not offered here",
            expression="Parameters.parameter",
            fix=f"Use {sorted(_FOUND_BY)}.",
        )
    count = _only(given, "_count", str(COUNT))
    if not count.isdecimal() or int(count) == 0:
        raise InvalidResource("_count is a number from 1", expression="_count")
    return Find(
        start=_only(given, "start"),
        end=_only(given, "end"),
        services=tuple(_code(token) for token in given.get("visit-type", [])),
        location=_only(given, "location-string", ""),
        count=min(int(count[:4]), LARGEST_COUNT),
    )


def find_from_body(body: bytes) -> Find:
    """A search of a Parameters resource."""
    parameters = _parameters(body)
    values = ((one["name"], _value(one)) for one in parameters if one["name"] not in _NOT_NARROWING)
    return find_from_query(values)


def wanted_from(body: bytes) -> Wanted:
    """What `$hold` or `$book` is asked to do.

    Raises:
        InvalidResource: it names no appointment.
    """
    by_name = {one["name"]: one for one in _parameters(body)}
    resource = by_name.get("appointment-resource", {}).get("resource") or {}
    reference = by_name.get("appointment-reference", {}).get("valueReference") or {}
    patient = by_name.get("patient-resource", {}).get("resource") or {}
    if bool(resource) == bool(reference) or (resource and resource.get("resourceType") != "Appointment"):
        raise InvalidResource(
            "It takes one appointment, named or sent along",
            expression="Parameters.parameter",
            fix="Send either appointment-reference or appointment-resource.",
        )
    actor = _patient_of(resource)
    return Wanted(
        number=_id(reference.get("reference"), "Appointment") if reference else resource.get("id"),
        status=resource.get("status"),
        slots=tuple(_id(one.get("reference"), "Slot") for one in resource.get("slot") or []),
        patient=patient.get("id") or (_id(actor["reference"], "Patient") if actor.get("reference") else None),
        identifiers=_identifiers([*(patient.get("identifier") or []), actor.get("identifier") or {}]),
        reason=(resource.get("cancelationReason") or {}).get("text"),
    )


def moment(text: str, zone: str, expression: str) -> datetime:
    """A dateTime of a search as a moment; a date without time begins at that local midnight.

    Raises:
        InvalidResource: it is none, or has a time without a zone.
    """
    try:
        if "T" not in text:
            return midnight(date.fromisoformat(text), zone)
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidResource(
            "This is not a dateTime", expression=expression, fix="Give YYYY-MM-DD, or a time with its zone."
        )
    return at.astimezone(UTC)


def _parameters(body: bytes) -> list[Resource]:
    try:
        sent = orjson.loads(body)
        get_fhir_model_class("Parameters").model_validate(sent)
    except (ValueError, ValidationError, TypeError):
        raise InvalidResource(
            "The body is not a Parameters resource of FHIR R4", expression="Parameters", fix="See IHE ITI Scheduling."
        ) from None
    return list(sent.get("parameter") or [])


def _value(parameter: Resource) -> str:
    return str(next((value for name, value in parameter.items() if name.startswith("value")), ""))


def _only(given: dict[str, list[str]], name: str, otherwise: str | None = None) -> str:
    values = given.get(name) or ([otherwise] if otherwise is not None else [])
    if len(values) != 1:
        raise InvalidResource(f"$find takes {name} once", expression=name, fix=f"Give {name}.")
    return values[0]


def _code(token: str) -> str:
    system, bar, code = token.rpartition("|")
    if not code or (bar and system not in {"", SERVICE_SYSTEM}):
        raise InvalidResource("There is no such visit type", expression="visit-type", fix=f"Use {SERVICE_SYSTEM}|code.")
    return code


def _id(reference: Any, kind: str) -> str:  # noqa: ANN401 (JSON)
    head, _, number = str(reference or "").rpartition("/")
    try:
        if head.rpartition("/")[2] == kind and str(UUID(number)) == number:
            return number
    except ValueError:
        pass
    raise InvalidResource(f"This refers to no {kind} of the hub", expression=kind, fix=f"Give {kind}/<id>.")


def _patient_of(appointment: Resource) -> Resource:
    for participant in appointment.get("participant") or []:
        actor: Resource = participant.get("actor") or {}
        if actor.get("type") == "Patient" or "Patient/" in str(actor.get("reference") or ""):
            return actor
    return {}


def _identifiers(listed: Iterable[Resource]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one["system"]), str(one["value"])) for one in listed if one.get("system") and one.get("value"))

"""What is asked for, once it is on record who asks: no commit, no data. And whether the caller has it already.

Sources: DICOM PS3.18 8.9 (security), RFC 9110 8.8.3 and 13.1.2 (ETag, If-None-Match).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fastapi import Request, Response

from services.imaging import files, store
from services.imaging.domain.instance import Instance
from services.imaging.settings import settings
from shared import audit, sittings
from shared.errors import NotFound
from shared.fhir import codes
from shared.http import principal
from shared.security import require_scope


def seen(request: Request, study: str, series: str | None = None, instance: str | None = None) -> list[Instance]:
    """The instances of a study, of one of its series, or one of them.

    Raises:
        Forbidden: a system without the scope.
        NotFound: there is nothing of these UIDs.
    """
    who = principal(request)
    if who.audience == "system":
        require_scope(who, "Study", "r")
    with store.transaction() as session:
        if series and instance:
            found = [store.find_instance(session, study, series, instance)]
        else:
            found = store.list_instances(session, study, series)
        if not found:
            raise NotFound("There is no such study or series")
        if sittings.begin(session, who, [f"read {study}"]):
            entity = audit.Entity(identifier=codes.study_identifier(study))
            event = audit.audit_event(service="imaging", who=who, kind="dicom-read", action="R", entities=[entity])
            audit.record(session, event, service="imaging", correlation=codes.correlation_of(study))
    return found


def path_of(instance: Instance) -> Path:
    """Where the file of an instance lies.

    Raises:
        Unavailable: it is not there, as when the volume is away.
    """
    return files.find(settings().store_dir, instance.digest)


def tag_of(request: Request, instances: Sequence[Instance]) -> str:
    """The ETag of an answer: files never change under their digest, and the same question has the same answer."""
    asked = [request.url.path, request.url.query, *request.headers.getlist("accept")]
    known = hashlib.sha256("\n".join([*asked, *(instance.digest for instance in instances)]).encode())
    return f'"{known.hexdigest()[:32]}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """The answer to a caller who has it already."""
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers={"ETag": tag}) if tag in known or "*" in known else None

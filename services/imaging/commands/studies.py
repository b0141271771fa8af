"""`hub studies`: look for a study in an archive of the hospital, and have it sent here."""

import argparse
import getpass
import sys
from typing import Any

from services.imaging import dimse, store
from services.imaging.settings import Settings, settings
from shared import audit
from shared.errors import InvalidResource, NotFound
from shared.fhir import codes
from shared.security import Principal


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    verbs = commands.add_parser("studies", help="studies in the hospital's archives").add_subparsers(
        dest="verb", required=True, metavar="verb"
    )
    pull = verbs.add_parser("pull", help="have an archive send a study to the hub's listener")
    which = pull.add_mutually_exclusive_group(required=True)
    which.add_argument("--accession", help="accession number")
    which.add_argument("--study-uid", help="Study Instance UID")
    pull.add_argument("--from", dest="peer", help="AE title of HUB_IMAGING_DIMSE_PEERS (default: the only one)")
    pull.set_defaults(run=_pull)


def _pull(told: argparse.Namespace) -> int:
    chosen = settings()
    peer = told.peer or _only_peer(chosen)
    found = dimse.find_studies(chosen, peer, study=told.study_uid or "", accession=told.accession or "")
    if not found:
        raise NotFound(f"{peer} has no such study", fix="Check the number; ask another archive with --from.")
    for study in found:
        _note(peer, study.uid)
        moved = dimse.move(chosen, peer, study.uid)
        sys.stdout.write(f"{peer} sent {moved.completed} instances of study {study.uid}.\n")
    return 0


def _only_peer(chosen: Settings) -> str:
    if len(chosen.dimse_peers) != 1:
        raise InvalidResource(
            f"{len(chosen.dimse_peers)} archives are configured",
            fix="Name one with --from; see HUB_IMAGING_DIMSE_PEERS.",
        )
    return next(iter(chosen.dimse_peers))


def _note(peer: str, uid: str) -> None:
    """Who had a study fetched is on record before it is."""
    name = getpass.getuser()
    who = Principal(name, name, None, None, "system", frozenset(), "")
    entity = audit.Entity(identifier=codes.study_identifier(uid))
    event = audit.audit_event(
        service="imaging", who=who, kind="dicom-query", action="E", entities=[entity], detail=f"pulled from {peer}"
    )
    with store.transaction() as session:
        audit.record(session, event, service="imaging", correlation=codes.correlation_of(uid))

"""`hub models`: which models are admitted, which of them read, and the switch that stops one at once."""

import argparse
import getpass
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.imaging import store
from services.imaging.domain import registry as rules
from services.imaging.domain.admission import CARD, METADATA
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Entry, Move, Stage
from services.imaging.inference.attempt import attempt
from services.imaging.packages import shelf
from services.imaging.packages.candidate import Attempt, require_admissible
from services.imaging.packages.folder import digest_of, metadata_of, text_of
from services.imaging.packages.metadata import parse
from services.imaging.settings import SHIPPED, settings
from shared import audit
from shared.errors import InvalidResource
from shared.fhir import codes
from shared.security import Principal, Role


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands."""
    verbs = commands.add_parser("models", help="models that read images").add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="admit a package, into the shadow; every reason against it is said")
    add.add_argument("path", type=Path, nargs="?", help="folder of the package")
    add.add_argument(
        "--shipped", action="store_true", help="the packages that came with the hub; known ones stay as they are"
    )
    add.add_argument(
        "--live", action="append", default=[], metavar="NAME", help="with --shipped: read with it from the start"
    )
    add.set_defaults(run=_add)
    verbs.add_parser("list", help="all models and where they stand").set_defaults(run=_list)
    show = verbs.add_parser("show", help="one model with its history")
    show.set_defaults(run=_show)
    promote = verbs.add_parser("promote", help="let a model read: as a canary some studies, live all of its kind")
    promote.add_argument("--to", required=True, choices=[str(s) for s in Stage if s is not Stage.DISABLED])
    promote.add_argument("--percent", type=int, default=0, help="share of a canary, 1 to 99")
    promote.set_defaults(run=_promote)
    disable = verbs.add_parser("disable", help="stop a model at once; its studies go to the human, not analysed")
    disable.add_argument("--why", required=True, help="what the record says")
    disable.set_defaults(run=_disable)
    card = verbs.add_parser("card", help="the model card")
    card.set_defaults(run=_card)
    for parser in (show, promote, card):
        parser.add_argument("name")
        parser.add_argument("version")
    disable.add_argument("name")
    disable.add_argument("version", nargs="?", help="each version when left out")
    for parser in (add, promote, disable):
        parser.add_argument(
            "--who", default=getpass.getuser(), help="whom the record names (default: who is signed in)"
        )


def _add(told: argparse.Namespace) -> int:
    if told.shipped == (told.path is not None):
        raise InvalidResource("Name one package, or all that came with the hub", fix="Give a PATH or --shipped.")
    if told.path is not None:
        _admit(told.path, told.who, attempt)
        return 0
    for folder in _shipped():
        name, version, digest = _named(folder)
        with store.transaction() as session:
            known = store.models(session)
        if any(
            entry.model.digest == digest and shelf.place_of(settings().store_dir, digest).is_dir() for entry in known
        ):
            sys.stdout.write(f"{name} {version} is known.\n")
            continue
        _admit(folder, told.who, None)  # tried by the tests of this release, and again whenever a worker opens it
        if name in told.live and all(entry.model.name != name for entry in known):
            _move(partial(rules.promote, name=name, version=version, to=Stage.LIVE, percent=0), told.who)
    return 0


def _admit(folder: Path, who: str, tried: Attempt | None) -> None:
    declared, candidate = require_admissible(folder, tried)
    model = candidate.model
    if model is None:
        raise InvalidResource(f"{folder.name} names no model", fix="See docs/models.md.")
    shelf.keep(settings().store_dir, folder, model.digest, declared)
    with store.transaction() as session:
        new = store.add_model(session, model, declared.model_dump(mode="json"), who)
        if new:
            _record(session, model, who, "C", "admitted")
    said = "admitted; it reads in the shadow" if new else "was admitted before"
    sys.stdout.write(f"{model.name} {model.version} ({model.digest[:12]}) {said}.\n")


def _list(_: argparse.Namespace) -> int:
    with store.transaction() as session:
        known = store.models(session)
    for entry in known:
        model = entry.model
        meant = f"{'/'.join(sorted(model.use.modalities))} {'/'.join(sorted(model.use.body_parts))}"
        fields = (model.name, model.version, _stage(entry), f"since {entry.since:%Y-%m-%d %H:%M}", meant)
        sys.stdout.write("\t".join((*fields, model.digest[:12])) + "\n")
    if not known:
        sys.stdout.write("No model is admitted yet. Add one: `hub models add PATH`.\n")
    return 0


def _show(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        entry = rules.find(store.models(session), told.name, told.version)
        history = store.changes(session, told.name, told.version)
    model, use = entry.model, entry.model.use
    ages = f"from {use.at_least or 0} years" + (f", below {use.below}" if use.below is not None else "")
    lines = [
        f"{model.name} {model.version}: {model.title}",
        f"stage: {_stage(entry)}",
        f"digest: {model.digest}",
        f"reads: {', '.join(sorted(use.modalities))} of {', '.join(sorted(use.body_parts))}, {ages}",
        f"views: {', '.join(sorted(use.views)) or 'any'}; frames: at most {use.frames}",
        *(f"tells: {each.what.text} from {each.threshold:g}" for each in model.categories if each.flags),
        *(f"does not check: {limit}" for limit in model.limits),
        *(_happened(change) for change in history),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _happened(change: store.Change) -> str:
    share = f" {change.percent} %" if change.percent else ""
    return f"{change.at:%Y-%m-%d %H:%M:%S} {change.stage}{share}, {change.who}: {change.why}"


def _promote(told: argparse.Namespace) -> int:
    to = Stage(told.to)
    _move(partial(rules.promote, name=told.name, version=told.version, to=to, percent=told.percent), told.who)
    return 0


def _disable(told: argparse.Namespace) -> int:
    moved = _move(partial(rules.disable, name=told.name, version=told.version, why=told.why), told.who)
    if not moved:
        sys.stdout.write(f"{told.name} was stopped before.\n")
    return 0


def _card(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        entry = rules.find(store.models(session), told.name, told.version)
    folder, _ = shelf.open_package(settings().store_dir, entry.model.digest)
    sys.stdout.write(text_of(folder, CARD))
    return 0


def _move(decide: Callable[[list[Entry]], list[Move]], who: str) -> list[Move]:
    """Decide and move under one lock, and say so to the audit in the same transaction."""
    with store.transaction() as session:
        moves = decide(store.models(session, lock=True))
        store.move(session, moves, who)
        for each in moves:
            _record(session, each.model, who, "U", f"{each.before} to {each.to}: {each.why}")
    for each in moves:
        share = f" ({each.percent} %)" if each.percent else ""
        sys.stdout.write(f"{each.model.name} {each.model.version}: {each.before} -> {each.to}{share}\n")
    return moves


def _record(session: store.Session, model: Model, who: str, action: audit.Action, detail: str) -> None:
    person = Principal(who, who, Role.ADMINISTRATOR, None, "user", frozenset(), "command-line")
    event = audit.audit_event(
        service="imaging",
        who=person,
        kind="model",
        action=action,
        entities=[audit.Entity(identifier={"system": codes.MODEL_SYSTEM, "value": f"{model.name}|{model.version}"})],
        detail=f"{model.name} {model.version}: {detail}",
    )
    audit.record(session, event, service="imaging", correlation=str(uuid4()))


def _stage(entry: Entry) -> str:
    return f"{entry.stage} {entry.percent} %" if entry.percent else str(entry.stage)


def _shipped() -> list[Path]:
    """The packages of image models beside the code; equations have none of their files."""
    return sorted(path.parents[1] for path in SHIPPED.glob(f"*/{METADATA}"))


def _named(folder: Path) -> tuple[str, str, str]:
    declared = parse(metadata_of(folder))
    if isinstance(declared, list):
        raise InvalidResource(
            f"The package {folder.name} that came with the hub is broken", fix="Install the hub again."
        )
    return declared.hub.name, declared.version, digest_of(folder / METADATA)

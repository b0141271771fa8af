"""Which of the admitted models reads a study, and how a model moves: shadow, canary, live, disabled.

A study gets one answer. The live model of its kind reads it, or the canary when the study falls into its share;
shadows read afterwards, and only the record hears them.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.imaging.domain.instance import Instance
from services.imaging.domain.model import NOBODY, Model
from services.imaging.domain.reading import Reason, Refusal
from shared.errors import Conflict, InvalidResource


class Stage(StrEnum):
    """Where a model stands."""

    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Entry:
    """An admitted model.

    Attributes:
        percent: a canary's share of the studies that it may read; 0 otherwise.
        since: when it came to this stage.
    """

    model: Model
    stage: Stage
    percent: int
    since: datetime


@dataclass(frozen=True)
class Move:
    """A model comes to a stage, for a reason."""

    model: Model
    before: Stage
    to: Stage
    percent: int
    why: str


STOPPED: Final = Refusal(Reason.DISABLED, "model stopped")
"""The study goes on to the human."""

Pictures = list[Instance] | Refusal
Look = Callable[[Model], Pictures]
"""The pictures of the study that a model may read, or why none."""


def choose(entries: Sequence[Entry], uid: str, look: Look) -> tuple[Model, Pictures]:
    """Which model reads a study and which pictures; or in whose name it is refused, and why."""
    seen = [(entry, look(entry.model)) for entry in sorted(entries, key=_newest) if entry.stage is not Stage.SHADOW]
    fit = [(entry, pictures) for entry, pictures in seen if not isinstance(pictures, Refusal)]
    for entry, pictures in fit:
        if entry.stage is Stage.CANARY and share_of(uid, entry.model.name) < entry.percent:
            return entry.model, pictures
    for entry, pictures in fit:
        if entry.stage is Stage.LIVE:
            return entry.model, pictures
    for entry, _ in fit:
        if entry.stage is Stage.DISABLED:
            return entry.model, STOPPED
    refused = [(entry.model, why) for entry, why in seen if isinstance(why, Refusal)]
    nobody = (NOBODY, Refusal(Reason.NO_MODEL, "no model for such a study"))
    return max(refused, key=lambda pair: pair[1].closeness, default=nobody)


def shadows(entries: Sequence[Entry], look: Look) -> list[tuple[Model, list[Instance]]]:
    """The shadow models that may read a study, and which of its pictures."""
    seen = [(entry.model, look(entry.model)) for entry in entries if entry.stage is Stage.SHADOW]
    return [(model, pictures) for model, pictures in seen if not isinstance(pictures, Refusal)]


def share_of(uid: str, name: str) -> int:
    """0 to 99, the same whenever the same study meets a model of the same name, and evenly spread."""
    return int.from_bytes(hashlib.sha256(f"{uid}|{name}".encode()).digest()[:8]) % 100


def promote(entries: Sequence[Entry], name: str, version: str, to: Stage, percent: int) -> list[Move]:
    """What moves when a model is promoted; an older version of it that is live makes room.

    Raises:
        InvalidResource: no such model, or a share that makes no sense.
        Conflict: it stands there already, or another model reads such studies.
    """
    chosen = find(entries, name, version)
    if to is Stage.CANARY and not 1 <= percent <= 99:  # noqa: PLR2004 (a share of some, not of all)
        raise InvalidResource("A canary reads 1 to 99 % of its studies", fix="Give --percent between 1 and 99.")
    share = percent if to is Stage.CANARY else 0
    if (chosen.stage, chosen.percent) == (to, share):
        raise Conflict(f"{name} {version} is {to} already", fix="See `hub models list`.")
    rivals = [
        entry
        for entry in entries
        if entry is not chosen and entry.stage is to and entry.model.use.overlaps(chosen.model.use)
    ]
    moves = [Move(chosen.model, chosen.stage, to, share, f"promoted to {to}")]
    if to is Stage.SHADOW:
        return moves
    for rival in rivals:
        if rival.model.name != name:
            raise Conflict(
                f"{rival.model.name} {rival.model.version} is {to} for studies of the same modality, body part and age",
                fix=f"Disable it first: `hub models disable {rival.model.name}`.",
            )
        moves.append(Move(rival.model, rival.stage, Stage.DISABLED, 0, f"replaced by {version}"))
    return moves


def disable(entries: Sequence[Entry], name: str, version: str | None, why: str) -> list[Move]:
    """What moves when a model, or each version of it, is stopped; nothing when all are stopped already.

    Raises:
        InvalidResource: no such model.
    """
    meant = [find(entries, name, version)] if version else [entry for entry in entries if entry.model.name == name]
    if not meant:
        raise _unknown(name)
    return [
        Move(entry.model, entry.stage, Stage.DISABLED, 0, why) for entry in meant if entry.stage is not Stage.DISABLED
    ]


def find(entries: Sequence[Entry], name: str, version: str) -> Entry:
    """An admitted model.

    Raises:
        InvalidResource: there is none.
    """
    for entry in entries:
        if (entry.model.name, entry.model.version) == (name, version):
            return entry
    raise _unknown(f"{name} {version}")


def is_stopped(entries: Sequence[Entry], model: Model) -> bool:
    """Whether a model was stopped, or changed, since it was chosen."""
    return not any(entry.model == model and entry.stage in {Stage.CANARY, Stage.LIVE} for entry in entries)


def _newest(entry: Entry) -> tuple[float, str, str]:
    return -entry.since.timestamp(), entry.model.name, entry.model.version


def _unknown(named: str) -> InvalidResource:
    return InvalidResource(f"There is no model {named}", fix="See `hub models list`, or add it: `hub models add PATH`.")

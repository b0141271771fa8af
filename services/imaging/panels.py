"""What imaging adds to the operator's page: where each model stands and what it answered, and where studies stand.

The api process loads no model: that each is what was admitted is read from its digests, that it is loaded from its
last answer (a worker whose own check fails reads nothing).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from services.imaging import store
from services.imaging.domain.registry import Entry, Stage
from services.imaging.domain.study import State
from services.imaging.packages import shelf
from services.imaging.settings import settings
from shared.ops import Cell, Level, Panel, Problem

LATELY: Final = timedelta(days=1)
_COLUMNS: Final = ("Model", "Version", "Stage", "Digest", "Package", "Answers, last day", "Last answer")
_READS: Final = {Stage.LIVE, Stage.CANARY}


def panels() -> list[Panel]:
    """Studies by state, and models."""
    with store.transaction() as session:
        said = store.answers_lately(session, LATELY)
        counted = store.count_studies(session)
        known = store.models(session)
    states = [(str(state), counted.get(str(state), 0)) for state in State]
    return [Panel("Studies", ("State", "Studies"), states), _models(known, said)]


def _models(known: list[Entry], said: store.Answered) -> Panel:
    problems = [] if any(entry.stage in _READS for entry in known) else [Problem(Level.WATCH, "no model reads")]
    rows = []
    for entry in known:
        whole = shelf.is_whole(settings().store_dir, entry.model.digest)
        if not whole and entry.stage in _READS:
            problems.append(Problem(Level.WRONG, f"{entry.model.name} {entry.model.version} is not what was admitted"))
        rows.append(_row(entry, said, "as admitted" if whole else "not as admitted"))
    return Panel("Models", _COLUMNS, rows, problems, "No model is admitted.")


def _row(entry: Entry, said: store.Answered, package: str) -> tuple[Cell, ...]:
    model = entry.model
    mine = {key: one for key, one in said.items() if key[:2] == (model.name, model.version)}
    last = max((at for _, at in mine.values()), default=None)
    stage = f"{entry.stage} {entry.percent} %" if entry.stage is Stage.CANARY else str(entry.stage)
    return (model.name, model.version, stage, model.digest[:12], package, ", ".join(_counts(mine)) or "none", last)


def _counts(said: store.Answered) -> Iterator[str]:
    return (f"{count} {outcome}" for (_, _, outcome), (count, _) in sorted(said.items()) if count)

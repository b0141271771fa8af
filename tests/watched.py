"""A department's half year in synthetic numbers: answers of the released model and of a next version, readers' word."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, update

from services.imaging import store
from services.imaging.domain.admission import METADATA
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Move, Stage
from services.imaging.packages.metadata import Metadata, model_of, parse
from services.imaging.settings import SHIPPED
from services.imaging.store.tables import READER_WORD, STUDY, WATCHED

CHEST = SHIPPED / "cxr-pneumonia-paediatric" / METADATA
RELEASED: Final[str] = json.loads(CHEST.read_text())["version"]
NEXT: Final = f"{int(RELEASED.partition('.')[0]) + 1}.0.0"
"""A version that there is not yet; it reads in the shadow."""

SYNTHETIC: Final = "SYNTHETIC NUMBERS, of no department and no patient."
"""On every page of it, and so on the picture in the documentation."""


def admitted(version: str, stage: Stage, *, with_reference: bool = True) -> Model:
    """Put a version of the chest model into the registry, without its package."""
    declared = parse(CHEST.read_text())
    assert isinstance(declared, Metadata)
    hub = declared.hub if with_reference else declared.hub.model_copy(update={"reference": None})
    hub = hub.model_copy(update={"title": f"{SYNTHETIC} {hub.title}"})
    declared = declared.model_copy(update={"version": version, "hub": hub})
    model = model_of(declared, f"{version}{with_reference}".ljust(64, "0"))
    with store.transaction() as session:
        store.add_model(session, model, declared.model_dump(mode="json"), "Ada Example")
        if stage is not Stage.SHADOW:
            store.move(session, [Move(model, Stage.SHADOW, stage, 0, "agreed in the AI board")], "Ada Example")
    return model


def filled(model: Model, shadow: Model | None = None, *, studies: int = 480, brighter: float = 0.0) -> None:
    """Answers over 24 weeks; readers agree with most, and the shadow with most of those.

    Args:
        brighter: added to the brightness of every picture.
    """
    luck = random.Random(11)  # noqa: S311 (an invented department)
    declared = parse(CHEST.read_text())
    assert isinstance(declared, Metadata)
    assert declared.hub.reference
    known = declared.hub.reference.statistics
    begun = datetime.now(UTC) - timedelta(days=80)
    limit = model.categories[0].threshold
    rows: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for number in range(studies):
        uid = f"2.25.{number + 1}"
        at = begun + timedelta(days=78 * number / studies)
        about = {"study": uid, "sex": luck.choice(("female", "male")), "age": luck.randint(1, 5), "at": at}
        looks = {name: _one_of(bins, luck) for name, bins in known.items() if name != "score"}
        looks |= {
            "megapixels": luck.choice((3.1, 4.2, 4.2)),
            "aspect": 0.82,
            "brightness": looks["brightness"] + brighter,
        }
        refused = luck.choices((None, "unlike-training-data", "age-unknown"), (91, 6, 3))[0]
        score = min(max(_one_of(known["score"], luck), 0.0), 1.0)
        ill = luck.random() < 0.04 + 0.9 * score
        rows.append(_row(model, str(Stage.LIVE), refused, score, limit, about, looks))
        if shadow:
            other = min(max(score + luck.gauss(-0.02, 0.06), 0.0), 1.0)
            rows.append(_row(shadow, str(Stage.SHADOW), refused, other, limit, about, looks))
        if not refused and luck.random() < 0.8:
            agrees = ill is (score >= limit)
            decision = luck.choices(("correct", "accept" if agrees else "reject"), (5, 95))[0]
            words.append({"study": uid, "model": model.name, "version": model.version, "decision": decision})
    with store.transaction() as session:
        session.execute(insert(STUDY), [{"uid": f"2.25.{n + 1}", "first_seen_at": begun} for n in range(studies)])
        session.execute(insert(WATCHED), rows)
        if words:
            session.execute(insert(READER_WORD), words)
        session.execute(update(STUDY).values(state="answered"))


def _row(
    model: Model,
    stage: str,
    refused: str | None,
    score: float,
    limit: float,
    about: dict[str, Any],
    looks: dict[str, float],
) -> dict[str, Any]:
    flagged = None if refused else score >= limit
    outcome = refused or ("flagged" if flagged else "not-flagged")
    said = {"outcome": outcome, "flagged": flagged, "score": None if refused else score}
    named = {"model": model.name, "version": model.version, "stage": stage}
    return {**about, **said, **named, "looks": {} if refused == "age-unknown" else looks}


def _one_of(bins: Any, luck: random.Random) -> float:
    """A value out of a reference's own distribution."""
    at = luck.choices(range(len(bins.shares)), bins.shares)[0]
    width = bins.edges[-1] - bins.edges[0]
    low = bins.edges[at - 1] if at else bins.edges[0] - width / 8
    high = bins.edges[at] if at < len(bins.edges) else bins.edges[-1] + width / 8
    return luck.uniform(low, high)

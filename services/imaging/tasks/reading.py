"""What a model says of a study: picture by picture, frame by frame, then the heat map, with no transaction open."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from services.imaging import fhir, files
from services.imaging.dicom import derived, header, pixels
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Finding, Opinion, Reason, Refusal, conclude, eligible, weigh
from services.imaging.domain.registry import Look
from services.imaging.domain.study import Study
from services.imaging.inference import masks
from services.imaging.inference.reader import Prediction
from shared.telemetry import log

Predict = Callable[[Model, NDArray[Any]], Prediction]


@dataclass(frozen=True)
class Reading:
    """A model's answer.

    Attributes:
        told: what it says of the picture that counts; the only one whose maps are kept in memory.
    """

    finding: Finding
    told: Prediction


@dataclass(frozen=True)
class Kept:
    """What of a reading is on disk before anybody hears of it.

    Attributes:
        mask: digest of the array, see `inference.masks`.
    """

    finding: Finding
    heat_map: Instance | None
    mask: str | None


def look_at(study: Study, instances: Sequence[Instance]) -> Look:
    """Which pictures of a study a model may read."""
    given = study.announcement
    birth = fhir.birth_date(given.patient) if given else None
    parts = fhir.body_parts(given.study) if given else []
    return lambda model: eligible(instances, birth, parts, model.use)


def read(pictures: Sequence[Instance], model: Model, predict: Predict, store: Path) -> Reading | Refusal:
    """Ask for an opinion on each frame of each picture.

    Raises:
        Unavailable: the store is away.
    """
    opinions: list[Opinion] = []
    told: Prediction | None = None
    unread = 0
    for instance, frame in _frames(pictures):
        path = files.find(store, instance.digest)
        try:
            said = predict(model, pixels.picture(path, frame))
        except (Unreadable, ValueError) as error:
            log.warning("picture_unread", instance=instance.uid, frame=frame, error=type(error).__name__)
            unread += 1
            continue
        except Exception as error:  # noqa: BLE001 (a model that fails must say so, whatever broke)
            log.exception("model_failed", model=model.name, version=model.version, error=type(error).__name__)
            return Refusal(Reason.MODEL_FAILED, "the model failed")
        opinion = Opinion(instance, said.scores, said.familiar, said.region, frame, said.measure, said.looks)
        if told is None or weigh(opinion, model) > max(weigh(each, model) for each in opinions):
            told = said
        opinions.append(opinion)
    finding = conclude(opinions, unread, model)
    if isinstance(finding, Refusal) or told is None:
        return finding if isinstance(finding, Refusal) else Refusal(Reason.UNREADABLE, "no picture could be decoded")
    return Reading(finding, told)


def keep(reading: Reading, model: Model, store: Path) -> Kept:
    """The heat map as an instance of the study, and the mask as an array, on disk.

    Raises:
        Unavailable: the disk is full or away.
    """
    told, source = reading.told, reading.finding.opinion.instance
    heat_map = mask = None
    if told.mask is not None:
        mask = files.write(store, masks.to_bytes(told.mask), files.MASK).digest
    if told.heat is not None:
        described = header.source_header(files.find(store, source.digest))
        made = derived.heat_map(described, told.heat, model.name, model.version, reading.finding.opinion.frame)
        kept = files.write(store, derived.part10(made))
        heat_map = header.describe(made, kept.digest, kept.size)
    return Kept(reading.finding, heat_map, mask)


def _frames(pictures: Sequence[Instance]) -> Iterator[tuple[Instance, int]]:
    for instance in pictures:
        for frame in range(1, instance.frames + 1):
            yield instance, frame

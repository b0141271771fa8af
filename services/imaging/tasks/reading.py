"""What a model says of a study: of every frame, and where on the one that counts. No transaction is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.imaging import fhir, files
from services.imaging.dicom import derived, header
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Finding, Opinion, Reason, Refusal, conclude, eligible, weigh
from services.imaging.domain.registry import Look, Pictures
from services.imaging.domain.series import readable
from services.imaging.domain.study import Study
from services.imaging.domain.volume import Plane
from services.imaging.inference import masks
from services.imaging.inference.reader import Prediction
from services.imaging.tasks.grouping import Shown, groups
from services.imaging.tasks.volumes import Predict, VolumeReading, failed, read_volume
from shared.telemetry import log


@dataclass(frozen=True)
class Reading:
    """A model's answer.

    Attributes:
        told: what it says of the picture that counts; the only one whose maps are kept in memory.
        pictures: those that were looked at.
        planes: of a volume its slices in their order.
    """

    finding: Finding
    told: Prediction
    pictures: Sequence[Instance]
    planes: Sequence[Plane] = ()


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

    def look(model: Model) -> Pictures:
        found = eligible(instances, birth, parts, model.use)
        return found if isinstance(found, Refusal) or not model.use.volume else readable(found, model.use.volume)

    return look


def read(pictures: Sequence[Instance], model: Model, predict: Predict, store: Path) -> Reading | Refusal:
    """Ask for an opinion on each frame of each picture, on a few of this study at a time; or on a series as one.

    Raises:
        Unavailable: the store is away.
    """
    if model.use.volume:
        answer = read_volume(pictures, model.use.volume, model, predict, store)
        return answer if isinstance(answer, Refusal) else _of_series(answer, pictures)
    return _read_pictures(pictures, model, predict, store)


def _of_series(answer: VolumeReading, pictures: Sequence[Instance]) -> Reading:
    read = {plane.instance for plane in answer.planes}
    return Reading(answer.finding, answer.told, [each for each in pictures if each in read], answer.planes)


def _read_pictures(pictures: Sequence[Instance], model: Model, predict: Predict, store: Path) -> Reading | Refusal:
    opinions: list[Opinion] = []
    counting: tuple[int, Shown, Prediction] | None = None
    unread = 0
    for group in groups(pictures, store):
        try:
            answers = _ask(group, model, predict)
        except Exception as error:  # noqa: BLE001 (a model that fails must say so, whatever broke)
            return failed(model, error)
        for shown, said in zip(group, answers, strict=True):
            if not isinstance(said, Prediction):
                kind = type(said).__name__
                log.warning("picture_unread", instance=shown.instance.uid, frame=shown.frame, error=kind)
                unread += 1
                continue
            opinion = _opinion(shown, said)
            if counting is None or weigh(opinion, model) > weigh(opinions[counting[0]], model):
                counting = len(opinions), shown, said
            opinions.append(opinion)
    told: Prediction | None = None
    if counting is not None:
        place, shown, said = counting
        try:
            told = said.explained()
        except Exception as error:  # noqa: BLE001 (as above)
            return failed(model, error)
        opinions[place] = _opinion(shown, told)
    finding = conclude(opinions, unread, model)
    if isinstance(finding, Refusal) or told is None:
        return finding if isinstance(finding, Refusal) else Refusal(Reason.UNREADABLE, "no picture could be decoded")
    return Reading(finding, told, pictures)


def keep(reading: Reading, model: Model, store: Path) -> Kept:
    """The heat map as an instance of the study, and the mask as an array, on disk.

    Raises:
        Unavailable: the disk is full or away.
    """
    told, source = reading.told, reading.finding.opinion.instance
    heat_map = mask = None
    planes = [(plane.instance.uid, plane.frame) for plane in reading.planes]
    if told.mask is not None:
        mask = files.write(store, masks.to_bytes(told.mask, planes), files.MASK).digest
    if told.heat is not None:
        described = header.source_header(files.find(store, source.digest))
        made = derived.heat_map(described, told.heat, model.name, model.version, reading.finding.opinion.frame)
        kept = files.write(store, derived.part10(made))
        heat_map = header.describe(made, kept.digest, kept.size)
    return Kept(reading.finding, heat_map, mask)


def _ask(group: Sequence[Shown], model: Model, predict: Predict) -> list[Prediction | Unreadable | ValueError]:
    """What is said of each picture of a group, or why nothing is."""
    said = iter(predict(model, [each.picture for each in group if not isinstance(each.picture, Unreadable)]))
    return [each.picture if isinstance(each.picture, Unreadable) else next(said) for each in group]


def _opinion(shown: Shown, said: Prediction) -> Opinion:
    return Opinion(shown.instance, said.scores, said.familiar, said.region, shown.frame, said.measure, said.looks)

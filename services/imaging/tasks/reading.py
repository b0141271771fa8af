"""What the model says of a study: picture by picture, then the heat map, with no transaction open."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.imaging import fhir, files
from services.imaging.dicom import derived, header, pixels
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.domain.reading import Finding, Model, Opinion, Reason, Refusal, conclude, eligible
from services.imaging.domain.study import Study
from services.imaging.inference.reader import Prediction
from shared.telemetry import log

Predict = Callable[[NDArray[np.float32]], Prediction]


def read(
    study: Study, instances: Sequence[Instance], model: Model, predict: Predict, store: Path
) -> tuple[Finding, Instance] | Refusal:
    """The finding with its heat map, which is on disk before anybody hears of it; or why there is none.

    Raises:
        Unavailable: the store is away.
    """
    given = study.announcement
    pictures = eligible(
        instances,
        fhir.birth_date(given.patient) if given else None,
        fhir.body_parts(given.study) if given else [],
        model.use,
    )
    if isinstance(pictures, Refusal):
        return pictures
    asked = _ask(pictures, predict, store)
    if isinstance(asked, Refusal):
        return asked
    opinions = [opinion for opinion, _ in asked]
    finding = conclude(opinions, len(pictures) - len(opinions), model.threshold)
    if isinstance(finding, Refusal):
        return finding
    heat = next(heat for opinion, heat in asked if opinion is finding.opinion)
    return finding, _keep(finding.opinion.instance, heat, model, store)


def _ask(
    pictures: Sequence[Instance], predict: Predict, store: Path
) -> list[tuple[Opinion, NDArray[np.float32]]] | Refusal:
    """An opinion on each picture that can be decoded."""
    asked = []
    for instance in pictures:
        path = files.find(store, instance.digest)
        try:
            said = predict(pixels.picture(path))
        except (Unreadable, ValueError) as error:
            log.warning("picture_unread", instance=instance.uid, error=type(error).__name__)
            continue
        except Exception as error:  # noqa: BLE001 (a model that fails must say so, whatever broke)
            log.exception("model_failed", error=type(error).__name__)
            return Refusal(Reason.MODEL_FAILED, "the model failed")
        asked.append((Opinion(instance, said.probability, said.familiar, said.region), said.heat))
    return asked


def _keep(source: Instance, heat: NDArray[np.float32], model: Model, store: Path) -> Instance:
    """The heat map as an instance of the study, on disk."""
    described = header.source_header(files.find(store, source.digest))
    made = derived.heat_map(described, heat, model.name, model.version)
    kept = files.write(store, derived.part10(made))
    return header.describe(made, kept.digest, kept.size)

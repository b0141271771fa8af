"""The models of this process: opened once and looked at then, the least used given up, asked picture by picture.

torch stays behind this package: callers speak the domain's words and numpy's.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from time import perf_counter

import torch
from prometheus_client import Gauge, Histogram

from services.imaging.domain.model import Model
from services.imaging.inference import fitting
from services.imaging.inference.package import Package, Shown
from services.imaging.inference.prediction import Prediction
from services.imaging.inference.scan import Scan
from services.imaging.inference.volumes import VolumePrediction
from services.imaging.packages import shelf
from services.imaging.packages.shelf import BadModel
from services.imaging.settings import settings
from shared.telemetry import log

__all__ = ["BadModel", "Prediction", "Scan", "VolumePrediction", "load", "predict"]

SECONDS = Histogram(
    "hub_imaging_inference_seconds",
    "Time that a model takes for one picture, with its preparation; of several together, each one's share",
    ["model", "version"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
LOADED = Gauge("hub_imaging_models_loaded", "Models in the memory of the workers", multiprocess_mode="livesum")

_opened: "OrderedDict[str, Package]" = OrderedDict()
"""By digest, the least recently used first."""


def load(models: Iterable[Model]) -> None:
    """Open models now, so that the first study does not wait for it; a broken one is said with every study."""
    torch.set_num_threads(settings().threads)
    forget()
    for model in list(models)[: settings().models_in_memory]:
        try:
            _package(model)
        except BadModel as error:
            log.error("model_not_loaded", model=model.name, version=model.version, reason=error.message)


def predict(model: Model, pictures: Sequence[Shown]) -> list[Prediction | ValueError]:
    """What a model says of each picture, of shape (rows, columns), high is white, or (rows, columns, 3), or volume.

    Returns:
        A ValueError for a picture that shows nothing.

    Raises:
        BadModel: a digest is wrong, or the graph cannot be opened.
        RuntimeError: the graph failed.
    """
    opened = _package(model)
    began = perf_counter()
    said = opened.read_all(pictures)
    took = perf_counter() - began
    for _ in pictures:
        SECONDS.labels(model.name, model.version).observe(took / len(pictures))
    return said


def forget() -> None:
    """Close every model; the next question opens its package anew."""
    _opened.clear()


def _package(model: Model) -> Package:
    if model.digest in _opened:
        _opened.move_to_end(model.digest)
        return _opened[model.digest]
    folder, declared = shelf.open_package(settings().store_dir, model.digest)
    while len(_opened) >= settings().models_in_memory:
        _opened.popitem(last=False)
    try:
        opened = fitting.fit(folder, declared, model.digest)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"{model.name} {model.version} cannot be used: {type(error).__name__}") from None
    _opened[model.digest] = opened
    LOADED.set(len(_opened))
    return opened

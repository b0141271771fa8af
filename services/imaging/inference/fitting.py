"""How a package is run on this machine, chosen when it is opened: only as it decides what it decides plainly.

Plainly is float32 on the CPU, one picture at a time: so its committed answer was made. A GPU, bfloat16 on it, and
several pictures at once are each tried on the package's own test picture, and used where they make no difference.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from services.imaging.domain.model import Model
from services.imaging.domain.reading import best
from services.imaging.inference import package
from services.imaging.inference.graph import PLAIN, Run
from services.imaging.inference.package import Package
from services.imaging.inference.prediction import Prediction
from services.imaging.inference.scan import Scan
from services.imaging.inference.steps import prepare
from services.imaging.packages.metadata import Metadata
from shared.telemetry import log

Pictures = Sequence[package.Shown]
Answers = Sequence[Prediction | ValueError]

TOGETHER: Final = 8
"""Inputs at once: half the time of one by one for small networks on a CPU, and more brought nothing (measured)."""

SAME: Final = 1e-5
"""Largest difference of a score between asking for one picture and for several."""

CLOSE: Final = 0.01
"""Largest difference of a score, and as a share of a measure, between float32 on the CPU and another way."""


def fit(folder: Path, declared: Metadata, digest: str, runs: Sequence[Run] | None = None) -> Package:
    """Open a package that was looked at before, in the fastest way that makes no difference here.

    Args:
        runs: what to try beside the plain way, the fastest first; this machine's GPU unless given.

    Raises:
        ValueError: it answers its test picture otherwise than it was released with.
        RuntimeError, OSError: the graph cannot be used.
    """
    plain = package.load(folder, declared, digest)
    package.require_same_answer(plain, folder)
    pictures = _variants(package.picture_of(folder, declared))
    chosen, run = _quicker(plain, pictures, folder, gpu() if runs is None else runs)
    fitted = _together(chosen, pictures)
    named = {"model": plain.model.name, "version": plain.model.version}
    log.info("model_opened", **named, device=run.device.type, bfloat16=run.sparing, together=fitted.together)
    return fitted


def _quicker(plain: Package, pictures: Pictures, folder: Path, runs: Sequence[Run]) -> tuple[Package, Run]:
    """The first way that decides as the plain one does."""
    for run in runs:
        with suppress(RuntimeError):  # too little memory, or an operator that is not there
            tried = package.load(folder, plain.declared, plain.model.digest, run)
            if _agree(tried.read_all(pictures), plain.read_all(pictures), plain.model, CLOSE):
                return tried, run
    return plain, PLAIN


def _together(chosen: Package, pictures: Pictures) -> Package:
    """The package as it may be asked about several pictures; one of large inputs, or of volumes, never is."""
    if isinstance(pictures[0], Scan):
        return chosen
    if prepare(pictures[0], chosen.declared.hub.preprocessing).values.numel() <= package.LARGEST:
        with suppress(RuntimeError):  # a graph that was saved for a fixed number
            several = replace(chosen, together=TOGETHER)
            if _agree(several.read_all(pictures), chosen.read_all(pictures), chosen.model, SAME):
                return several
    return chosen


def gpu() -> list[Run]:
    """In bfloat16 first."""
    device = torch.device("cuda")
    return [Run(device, sparing=True), Run(device)] if torch.cuda.is_available() else []


def _variants(picture: package.Shown) -> Pictures:
    """The test picture and its likenesses: as many as are asked at once; of a volume its mirror image alone."""
    if isinstance(picture, Scan):
        return [picture, replace(picture, values=picture.values[:, ::-1])]
    turned = [picture, picture[::-1], picture[:, ::-1], picture[::-1, ::-1]]
    darker = [(each * 0.5).astype(picture.dtype) for each in turned]
    return [np.ascontiguousarray(each) for each in (*turned, *darker)]


def _agree(told: Answers, expected: Answers, model: Model, limit: float) -> bool:
    """Whether the decisions about each picture are the same, and the numbers behind them close."""
    return all(_same(one, other, model, limit) for one, other in zip(told, expected, strict=True))


def _same(one: Prediction | ValueError, other: Prediction | ValueError, model: Model, limit: float) -> bool:
    if isinstance(one, ValueError) or isinstance(other, ValueError):
        return isinstance(one, ValueError) and isinstance(other, ValueError)
    apart = max(abs(a - b) for a, b in zip(one.scores, other.scores, strict=True))
    grown = abs((one.measure or 0.0) - (other.measure or 0.0))
    return (
        (one.familiar, best(one.scores, model)) == (other.familiar, best(other.scores, model))
        and apart <= limit
        and grown <= limit * max(1.0, other.measure or 0.0)
    )

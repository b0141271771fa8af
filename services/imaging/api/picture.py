"""What a caller wants of a rendered picture, and the picture as a file: window, viewport, quality.

Source: DICOM PS3.18 8.3.5.1 (rendering parameters).
"""

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import Request
from PIL import Image

from services.imaging.api.multipart import Malformed
from services.imaging.dicom import rendering
from services.imaging.dicom.header import Unreadable
from services.imaging.dicom.rendering import Function, Window
from services.imaging.settings import settings

LARGEST: Final = 4096
"""Pixels of the longest edge of a viewport."""

QUALITY: Final = 90
"""Of a JPEG, when the caller does not say."""

ANIMATED: Final = 256 * 1024 * 1024
"""Bytes of frames that one animation may hold in memory."""

MOST_FRAMES: Final = 1000
"""Of one animation; each takes a millisecond of work at least, and a tenth of a second to look at."""

FRAME_MS: Final = 100
_FUNCTIONS: Final[dict[str, Function]] = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_NOT_OFFERED: Final = ("annotation", "iccprofile")


class Viewport(NamedTuple):
    """How large a picture is shown, and which part of it; a negative extent is mirrored.

    Attributes:
        part: left, top, width and height in pixels of the picture; None for all of it.
    """

    width: int
    height: int
    part: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Wanted:
    """How a picture is to be.

    Attributes:
        warning: of a parameter that was not followed; empty when all were.
    """

    window: Window | None
    viewport: Viewport | None
    quality: int
    warning: str


def wanted(request: Request, edge: int | None = None) -> Wanted:
    """The rendering parameters of a request.

    Args:
        edge: of the square in which the picture must fit, when the caller names none.

    Raises:
        Malformed: one is not as the standard says.
    """
    asked = request.query_params
    try:
        window = _window(asked["window"]) if "window" in asked else None
        viewport = _viewport(asked["viewport"]) if "viewport" in asked else Viewport(edge, edge) if edge else None
        quality = int(asked.get("quality", QUALITY))
    except (KeyError, ValueError):
        quality = 0
    if not 1 <= quality <= 100:  # noqa: PLR2004 (percent)
        raise Malformed(
            "window, viewport or quality is not as it should be",
            fix="window=center,width,linear (or linear-exact, sigmoid); viewport=width,height; quality=1 to 100",
        )
    missed = [name for name in _NOT_OFFERED if name in asked]
    warning = f'299 {settings().public_url} "{" and ".join(missed)} is not offered here"' if missed else ""
    return Wanted(window, viewport, quality, warning)


def encoded(path: Path, number: int, chosen: Wanted, kind: str) -> bytes:
    """One frame (from 1) as a JPEG or PNG.

    Raises:
        Unreadable: the pixels cannot be decoded.
    """
    buffer = BytesIO()
    _picture(path, number, chosen).save(buffer, kind.rpartition("/")[2].upper(), quality=chosen.quality)
    return buffer.getvalue()


def animated(path: Path, frames: int, chosen: Wanted) -> bytes:
    """Every frame as a GIF.

    Raises:
        Unreadable: the pixels cannot be decoded, or are more than an animation takes.
    """
    first = _picture(path, 1, chosen)
    if frames > MOST_FRAMES or first.width * first.height * len(first.getbands()) * frames > ANIMATED:
        raise Unreadable("The frames are too many for one animation")
    others = [_picture(path, number, chosen) for number in range(2, frames + 1)]
    buffer = BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=FRAME_MS, loop=0)
    return buffer.getvalue()


def _picture(path: Path, number: int, chosen: Wanted) -> Image.Image:
    made = Image.fromarray(rendering.shown(path, number - 1, chosen.window))
    if chosen.viewport is None:
        return made
    width, height, part = chosen.viewport
    if part:
        made = _part(made, part)
    scale = min(width / made.width, height / made.height)
    size = max(1, round(made.width * scale)), max(1, round(made.height * scale))
    return made.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BILINEAR)


def _part(made: Image.Image, part: tuple[float, float, float, float]) -> Image.Image:
    left, top, width, height = part
    right, bottom = min(made.width, left + abs(width)), min(made.height, top + abs(height))
    box = (round(left), round(top), max(round(left) + 1, round(right)), max(round(top) + 1, round(bottom)))
    made = made.crop(box)
    if width < 0:
        made = made.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return made.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if height < 0 else made


def _window(text: str) -> Window:
    center, width, function = text.split(",")
    made = Window(float(center), float(width), _FUNCTIONS[function])
    if not math.isfinite(made.center) or not math.isfinite(made.width):
        raise ValueError(text)
    if made.width < (1 if made.function == "LINEAR" else 1e-6):
        raise ValueError(text)
    return made


def _viewport(text: str) -> Viewport:
    """`vw,vh` or `vw,vh,sx,sy,sw,sh`, of which the last four may be empty."""
    numbers = text.split(",")
    width, height = (int(number) for number in numbers[:2])
    if not (0 < width <= LARGEST and 0 < height <= LARGEST) or len(numbers) not in {2, 6}:
        raise ValueError(text)
    if not any(numbers[2:]):
        return Viewport(width, height)
    x, y, w, h = (float(number) for number in numbers[2:])
    if not all(map(math.isfinite, (x, y, w, h))) or x < 0 or y < 0 or not w or not h:
        raise ValueError(text)
    return Viewport(width, height, (x, y, w, h))

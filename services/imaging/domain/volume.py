"""Whether slices make a volume, and where its voxels lie in the patient; pure geometry of what the headers say.

Sources: DICOM PS3.3 C.7.6.2.1.1 (Image Position and Image Orientation), C.7.6.16.2 (multi-frame functional groups).
Tolerances are of positions as scanners write them, with three decimals or more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from services.imaging.domain.instance import Instance
from services.imaging.domain.reading import Reason, Refusal

Vector = tuple[float, float, float]
"""Millimetres in the patient: to the left, to the back, to the head."""

UNEVEN: Final = 0.05
"""Share of the slice distance by which a distance may differ from the middle one, and a slice from its line."""
SAME_PLACE: Final = 0.01
"""Millimetres below which two slices lie at one place."""
TILT: Final = 0.5
"""Degrees between the stack and the normal of its slices from which on the gantry counts as tilted."""
ALIKE: Final = 1e-3
"""Largest difference of two direction cosines, or share of two pixel spacings, that count as the same."""
LARGEST: Final = 1 << 28
"""Voxels of a series: 1024 slices of 512 x 512, half a GiB as 16 bits."""

_ZERO: Final = (0.0, 0.0, 0.0)


class Plane(NamedTuple):
    """One slice as its header describes it.

    Attributes:
        frame: from 1.
        across, down: unit vectors along a row, and along a column.
        corner: centre of the first voxel.
        spacing: millimetres between rows, and between columns.
        reference: Frame of Reference UID.
    """

    instance: Instance
    frame: int
    across: Vector
    down: Vector
    corner: Vector
    spacing: tuple[float, float]
    reference: str

    @property
    def name(self) -> str:
        """As the scanner numbers it."""
        number = self.instance.number
        image = f"image {number}" if number is not None else "an image without a number"
        return f"{image} frame {self.frame}" if self.instance.frames > 1 else image


@dataclass(frozen=True)
class Grid:
    """Where voxels lie: the centre of the first, and the step along each axis of an array.

    Attributes:
        steps: along slices, rows (downwards) and columns, of the array (slices, rows, columns).
    """

    corner: Vector
    steps: tuple[Vector, Vector, Vector]

    @property
    def spacing(self) -> Vector:
        """Millimetres along each axis."""
        first, second, third = (math.dist(step, _ZERO) for step in self.steps)
        return first, second, third

    @property
    def millilitres(self) -> float:
        """Of one voxel."""
        return abs(_dot(self.steps[0], _cross(self.steps[1], self.steps[2]))) / 1000

    def point(self, index: Sequence[float]) -> Vector:
        """Where the centre of a voxel lies."""
        x, y, z = (
            self.corner[axis] + sum(place * step[axis] for place, step in zip(index, self.steps, strict=True))
            for axis in range(3)
        )
        return x, y, z


def arrange(planes: Sequence[Plane]) -> tuple[list[Plane], Grid] | Refusal:
    """The slices in their order along the normal, and where their voxels lie; or why they are no volume."""
    if len(planes) < 2:  # noqa: PLR2004 (one slice has no distance)
        return _no("one slice alone")
    if problem := _differ(planes):
        return _no(problem)
    normal = _cross(planes[0].across, planes[0].down)
    placed = sorted(planes, key=lambda plane: _dot(plane.corner, normal))
    heights = [_dot(plane.corner, normal) for plane in placed]
    if problem := _uneven(placed, heights) or _leans(placed, normal):
        return _no(problem)
    return placed, _grid(placed)


def _differ(planes: Sequence[Plane]) -> str | None:
    """What of the slices is not the same, or is nothing that a slice can have."""
    first = planes[0]
    rows, columns = first.instance.rows, first.instance.columns
    unit = all(abs(math.dist(cosines, _ZERO) - 1) <= ALIKE for cosines in (first.across, first.down))
    wrong = {
        "the orientation of the slices is none": not unit or abs(_dot(first.across, first.down)) > ALIKE,
        "several frames of reference": any(plane.reference != first.reference for plane in planes),
        "slices of different orientations": any(
            not _near((*plane.across, *plane.down), (*first.across, *first.down), ALIKE) for plane in planes
        ),
        "slices of different sizes": any(
            (plane.instance.rows, plane.instance.columns) != (rows, columns) for plane in planes
        ),
        "slices of different pixel spacing": any(
            not _near(plane.spacing, first.spacing, ALIKE * min(first.spacing)) for plane in planes
        ),
        f"more than {LARGEST // 10**6} million voxels": len(planes) * rows * columns > LARGEST,
    }
    return next((words for words, is_so in wrong.items() if is_so), None)


def _uneven(placed: Sequence[Plane], heights: Sequence[float]) -> str | None:
    distances = [after - before for before, after in pairwise(heights)]
    for plane, distance in zip(placed, distances, strict=False):
        if distance < SAME_PLACE:
            return f"several slices at one place, where {plane.name} is"
    usual = median(distances)
    for plane, distance in zip(placed, distances, strict=False):
        if distance > 1.5 * usual:
            return f"a gap of {distance:.2f} mm after {plane.name}, where slices are {usual:.2f} mm apart"
        if abs(distance - usual) > UNEVEN * usual:
            return f"unequal distances of slices: {distance:.2f} mm after {plane.name}, elsewhere {usual:.2f} mm"
    return None


def _leans(placed: Sequence[Plane], normal: Vector) -> str | None:
    """A sheared stack, or slices beside its line."""
    grid = _grid(placed)
    step = grid.steps[0]
    tilt = math.degrees(math.acos(min(1.0, _dot(step, normal) / math.dist(step, _ZERO))))
    if tilt > TILT:
        return f"a gantry tilt of {tilt:.1f} degrees"
    for number, plane in enumerate(placed):
        if math.dist(plane.corner, grid.point((number, 0, 0))) > UNEVEN * grid.spacing[0]:
            return f"{plane.name} lies beside the others"
    return None


def _grid(placed: Sequence[Plane]) -> Grid:
    first, last = placed[0], placed[-1]
    x, y, z = ((end - begin) / (len(placed) - 1) for begin, end in zip(first.corner, last.corner, strict=True))
    rows, columns = first.spacing
    return Grid(first.corner, ((x, y, z), _times(first.down, rows), _times(first.across, columns)))


def _no(why: str) -> Refusal:
    return Refusal(Reason.VOLUME, f"no volume: {why}")


def _near(some: Sequence[float], others: Sequence[float], limit: float) -> bool:
    return all(abs(one - other) <= limit for one, other in zip(some, others, strict=True))


def _times(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]

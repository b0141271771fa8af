"""Pictures drawn by formulas, for the test of a package: no person was ever before a camera for them."""

import numpy as np
from numpy.typing import NDArray


def _ellipse(rows: int, columns: int, middle: tuple[float, float], reach: tuple[float, float]) -> NDArray[np.bool_]:
    """The inside of an ellipse; middle and half axes as shares of the picture's edges."""
    row, column = np.indices((rows, columns))
    down = (row / rows - middle[0]) / reach[0]
    across = (column / columns - middle[1]) / reach[1]
    inside: NDArray[np.bool_] = down**2 + across**2 < 1
    return inside


def head(rows: int, columns: int, *, lesion: tuple[float, float, float] | None = None) -> NDArray[np.uint8]:
    """An axial slice of a head as in T1: skull, brain with folds, ventricles, and at will a bright round lesion.

    Args:
        rows: of the picture.
        columns: of the picture.
        lesion: row, column and radius, as shares of the edges.
    """
    row, column = np.indices((rows, columns))
    picture = np.zeros((rows, columns), dtype=np.float64)
    picture[_ellipse(rows, columns, (0.5, 0.5), (0.45, 0.37))] = 150
    picture[_ellipse(rows, columns, (0.5, 0.5), (0.42, 0.34))] = 20
    brain = _ellipse(rows, columns, (0.5, 0.5), (0.40, 0.32))
    folds = np.sin(40 * row / rows + 4 * np.sin(13 * column / columns)) * np.sin(37 * column / columns)
    picture[brain] = (95 + 14 * folds)[brain]
    for side in (-1, 1):
        picture[_ellipse(rows, columns, (0.47, 0.5 + side * 0.055), (0.13, 0.035))] = 30
    if lesion is not None:
        place = _ellipse(rows, columns, lesion[:2], (lesion[2], lesion[2]))
        picture[place] = 215
    return picture.round().astype(np.uint8)


def fundus(rows: int, columns: int, *, vessels: bool = True) -> NDArray[np.uint8]:
    """A retinal photograph, shape (rows, columns, 3): round field, bright disc, and at will dark bending vessels."""
    row, column = np.indices((rows, columns))
    down, across = row / rows - 0.5, column / columns - 0.5
    field = down**2 + across**2 < 0.46**2
    picture = np.stack([190 - 60 * across, 72 - 40 * across, 14 - 8 * across], axis=2)
    picture[_ellipse(rows, columns, (0.5, 0.42), (0.07, 0.07))] = (240, 170, 60)
    curves = ((0.9, 1.6, 0.008), (-0.8, -1.8, 0.008), (0.25, 0.9, 0.005), (-0.3, -0.7, 0.005)) if vessels else ()
    for slope, bend, width in curves:
        for side in (-1, 1):
            along = np.abs(across + 0.08) * side
            middle = slope * along + bend * along * np.abs(along)
            vessel = (np.abs(down - middle) < width) & (np.sign(across + 0.08) == side)
            picture[vessel] = picture[vessel] * (0.8, 0.55, 0.6)
    return np.where(field[:, :, None], picture.clip(0, 255), 0).round().astype(np.uint8)

"""Random variations of a grey picture: where the patient lies, how the picture was exposed and made.

The chest data's test part is known to differ from its training part in brightness and sharpness,
so both are varied more than training pictures vary by themselves.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from learning.pictures import standardise


def vary(pictures: Tensor, random: torch.Generator, *, degrees: float = 12) -> Tensor:
    """A random variation, turned by up to `degrees`, of each picture (n, 1, size, size) of 0..1; standardised."""
    moved = _move(pictures, random, degrees)
    exposed = _expose(moved, random)
    sharpness = float(torch.rand(1, generator=random))
    noise = torch.randn(exposed.shape, generator=random) * 0.02
    return _hide(standardise(_blur(exposed, 1.6 * sharpness) + noise * sharpness), random)


def _between(low: float, high: float, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random)


def _move(pictures: Tensor, random: torch.Generator, degrees: float) -> Tensor:
    n = len(pictures)
    angle = _between(-degrees, degrees, (n,), random) * math.pi / 180
    zoom = _between(0.82, 1.12, (n, 2), random)
    mirror = torch.where(torch.rand(n, generator=random).round() == 1, -1.0, 1.0)
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0] = angle.cos() * zoom[:, 0] * mirror
    matrix[:, 0, 1] = -angle.sin() * zoom[:, 1]
    matrix[:, 1, 0] = angle.sin() * zoom[:, 0] * mirror
    matrix[:, 1, 1] = angle.cos() * zoom[:, 1]
    matrix[:, :, 2] = _between(-0.08, 0.08, (n, 2), random)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _expose(pictures: Tensor, random: torch.Generator) -> Tensor:
    n = len(pictures)
    gamma = torch.exp(_between(-0.6, 0.6, (n, 1, 1, 1), random))
    haze = functional.interpolate(_between(-0.12, 0.12, (n, 1, 3, 3), random), pictures.shape[2:], mode="bicubic")
    return (pictures.clamp(1e-3, 1) ** gamma + haze).clamp(0, 1.1)


def _blur(pictures: Tensor, sigma: float) -> Tensor:
    if sigma < 0.3:  # noqa: PLR2004 - below a third of a pixel nothing changes
        return pictures
    reach = torch.arange(-4, 5, dtype=torch.float32)
    kernel = torch.exp(-(reach**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = functional.pad(pictures, (4, 4, 4, 4), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel), kernel.transpose(2, 3))


def _hide(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Blank one rectangle, so that no single place (a marker, a corner) decides."""
    n, _, rows, columns = pictures.shape
    low = _between(0, 0.9, (n, 2), random)
    high = low + _between(0.05, 0.35, (n, 2), random)
    y = torch.arange(rows).view(1, -1, 1) / rows
    x = torch.arange(columns).view(1, 1, -1) / columns
    inside = (y >= low[:, :1, None]) & (y < high[:, :1, None])
    inside = inside & (x >= low[:, 1:, None]) & (x < high[:, 1:, None])
    return pictures.masked_fill(inside[:, None], 0.0)

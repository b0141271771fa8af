"""VesselNet: a small U-Net that draws the vessels of a retinal photograph.

Brightness and colour are evened out inside the graph: each photograph's green and red are compared
with their surroundings inside the round field of view. Beyond the field there is no vessel.

Sources: Ronneberger et al. 2015 (U-Net), https://arxiv.org/abs/1505.04597;
Galdran et al. 2022 (small networks suffice for vessels), https://doi.org/10.1038/s41598-022-09675-y.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.guard import nearest

DARK = 0.1
"""Share of the picture's brightest value that a pixel's brightest colour exceeds inside the field of view."""
AROUND = 41
"""Edge of the surroundings that a pixel is compared with, pixels of the network's input."""
FLAT = 0.02
"""Added to the surroundings' standard deviation, so that even areas stay quiet."""
OUTSIDE = -12.0
"""Logit outside the field of view."""
LAYOUT = 4
FEATURES = LAYOUT**2 + 9


def field_of_view(photographs: Tensor) -> Tensor:
    """1 inside, 0 outside; shape (n, 1, rows, columns), of photographs (n, 3, rows, columns) of 0..1."""
    brightest = photographs.amax(dim=1, keepdim=True)
    return (brightest > DARK * brightest.amax(dim=(2, 3), keepdim=True)).float()


def _around(values: Tensor) -> Tensor:
    """Mean of the square around each pixel, one direction after the other."""
    half = AROUND // 2
    down = functional.avg_pool2d(values, (AROUND, 1), 1, (half, 0))
    return functional.avg_pool2d(down, (1, AROUND), 1, (0, half))


def evened(photographs: Tensor) -> Tensor:
    """What the U-Net sees, shape (n, 3, rows, columns): green and red beside their surroundings, and the field."""
    field = field_of_view(photographs)
    colours = torch.stack([photographs[:, 1], photographs[:, 0]], dim=1)
    inside = _around(field).clamp(min=1e-3)
    mean = _around(colours * field) / inside
    spread = (_around(colours * colours * field) / inside - mean * mean).clamp(min=0).sqrt()
    return torch.cat([(colours - mean) / (spread + FLAT) * field, field], dim=1)


def _block(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class VesselNet(nn.Module):
    """Vessels of a retinal photograph.

    Args:
        channels: of each level, from the full resolution down; each next level has half the edge.

    The buffers `guard_means` (1, features) and `guard_precision` describe the training photographs.
    """

    guard_means: Tensor
    guard_precision: Tensor

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            _block(before, now) for before, now in zip([3, *channels[:-1]], channels, strict=True)
        )
        upward = list(zip(channels[1:], channels[:-1], strict=True))[::-1]
        self.up = nn.ModuleList(_block(below + now, now) for below, now in upward)
        self.head = nn.Conv2d(channels[0], 1, 1)
        self.register_buffer("guard_means", torch.zeros(1, FEATURES))
        self.register_buffer("guard_precision", torch.eye(FEATURES))

    def segment(self, seen: Tensor) -> Tensor:
        """Logits (n, 1, rows, columns) of what `evened` gives; edges are multiples of 8."""
        kept: list[Tensor] = []
        x = seen
        for level, block in enumerate(self.down):
            x = cast("Tensor", block(x if level == 0 else functional.max_pool2d(x, 2)))
            kept.append(x)
        for block, beside in zip(self.up, reversed(kept[:-1]), strict=True):
            larger = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = cast("Tensor", block(torch.cat([larger, beside], dim=1)))
        return cast("Tensor", self.head(x))

    def features(self, photographs: Tensor, logits: Tensor) -> Tensor:
        """What the guard compares, shape (n, features): colour, its variation, the field's shape, share of vessels."""
        field = field_of_view(photographs)
        share = field.mean(dim=(1, 2, 3)).clamp(min=1e-3)

        def mean(values: Tensor) -> Tensor:
            return (values * field).mean(dim=(2, 3)) / share[:, None]

        tone = photographs / photographs.sum(dim=1, keepdim=True).clamp(min=0.05)
        tones = tone[:, ::2]
        middle = mean(tones)
        spread = mean((tones - middle[:, :, None, None]) ** 2).sqrt()
        vessel = torch.sigmoid(logits)
        return torch.cat(
            [
                functional.adaptive_avg_pool2d(field, LAYOUT).flatten(1),
                middle,
                spread,
                mean(photographs[:, :2]),
                mean(vessel),
                mean(vessel * (1 - vessel)),
                mean((vessel > 0.5).float()),  # noqa: PLR2004 - more likely a vessel than not
            ],
            dim=1,
        )

    def vessels(self, photographs: Tensor) -> tuple[Tensor, Tensor]:
        """The photographs and the logits of vessel (n, 1, rows, columns), very low outside the field of view."""
        seen = evened(photographs)
        field = seen[:, 2:]
        return photographs, self.segment(seen) * field + OUTSIDE * (1 - field)

    def forward(self, photographs: Tensor) -> tuple[Tensor, Tensor]:
        """The released graph: logits of vessel, and the distance (n,) from the training photographs."""
        _, logits = self.vessels(photographs)
        distance = nearest(self.features(photographs, logits), self.guard_means, self.guard_precision)
        return logits, distance

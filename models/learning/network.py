"""EvidenceNet: a small residual network of several classes whose heat maps add up to its answer.

The last layer is a 1x1 convolution followed by the mean over positions, which is the same sum as
global average pooling and a linear layer; so each class's map of local evidence is exact, not
estimated. The graph answers also how far a picture is from those that it learnt from.

Sources: He et al. 2016 (residual blocks), https://doi.org/10.1109/CVPR.2016.90;
Zhou et al. 2016 (class activation maps), https://doi.org/10.1109/CVPR.2016.319;
Lee et al. 2018 (Mahalanobis distance as a guard), https://arxiv.org/abs/1807.03888.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.guard import nearest

LAYOUT = 8
"""Fields along each edge of the picture whose mean grey the guard compares."""


class Reading(NamedTuple):
    """What the network says of n pictures.

    Attributes:
        logits: shape (n, classes), before calibration.
        evidence: shape (n, classes, rows / 16, columns / 16); its mean over positions is `logits`.
        features: shape (n, features); where the picture is light and dark, and the mean of every
            channel after each block, for the guard.
    """

    logits: Tensor
    evidence: Tensor
    features: Tensor


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`, divided by the stride."""
        return torch.relu(cast("Tensor", self.body(x)) + cast("Tensor", self.shortcut(x)))


class EvidenceNet(nn.Module):
    """One class of several in one grey picture.

    Args:
        classes: number of classes.
        stem: channels of the first convolution (5x5, stride 2).
        blocks: (channels, stride) of each residual block.
        kinds: of training pictures, which the guard tells apart; as many as classes where it is not said.

    The buffers `guard_means` (kinds, features) and `guard_precision` (features, features)
    describe the features of the training pictures of each kind; they travel with the weights.
    """

    guard_means: Tensor
    guard_precision: Tensor

    def __init__(self, classes: int, stem: int, blocks: Sequence[Sequence[int]], *, kinds: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        channels_in = [stem, *(channels for channels, _ in blocks)]
        self.blocks = nn.ModuleList(
            ResidualBlock(before, channels, stride)
            for before, (channels, stride) in zip(channels_in, blocks, strict=False)
        )
        self.dropout = nn.Dropout2d(0.2)
        self.head = nn.Conv2d(channels_in[-1], classes, 1)
        size = LAYOUT**2 + sum(channels_in)
        self.register_buffer("guard_means", torch.zeros(kinds or classes, size))
        self.register_buffer("guard_precision", torch.eye(size))

    def read(self, pictures: Tensor) -> Reading:
        """Read standardised pictures of shape (n, 1, rows, columns)."""
        x = cast("Tensor", self.stem(pictures))
        levels = [functional.adaptive_avg_pool2d(pictures, LAYOUT).flatten(1), x.mean(dim=(2, 3))]
        for block in self.blocks:
            x = cast("Tensor", block(x))
            levels.append(x.mean(dim=(2, 3)))
        evidence = cast("Tensor", self.head(self.dropout(x)))
        return Reading(evidence.mean(dim=(2, 3)), evidence, torch.cat(levels, dim=1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The released graph: logits, evidence, and the distance (n,) from the nearest class."""
        said = self.read(pictures)
        return said.logits, said.evidence, nearest(said.features, self.guard_means, self.guard_precision)

"""ChestNet: a small residual network whose heat map adds up to its answer.

The last layer is a 1x1 convolution followed by the mean over positions, which is the same sum as
global average pooling and a linear layer; so the map of local evidence is exact, not estimated.

Sources: He et al. 2016 (residual blocks), https://doi.org/10.1109/CVPR.2016.90;
Zhou et al. 2016 (class activation maps), https://doi.org/10.1109/CVPR.2016.319;
Lee et al. 2018 (Mahalanobis distance as a guard), https://arxiv.org/abs/1807.03888.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYOUT = 8
"""Fields along each edge of the picture whose mean grey the guard compares."""


class Reading(NamedTuple):
    """What the network says of a batch of n pictures.

    Attributes:
        logit: shape (n,); log odds before calibration.
        evidence: shape (n, rows / 16, columns / 16); its mean over positions is `logit`.
        features: shape (n, features); where the picture is light and dark, and the mean of every
            channel after each block, for the guard.
    """

    logit: Tensor
    evidence: Tensor
    features: Tensor


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
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


class ChestNet(nn.Module):
    """One finding in one greyscale radiograph.

    Args:
        stem: channels of the first convolution (5x5, stride 2).
        blocks: (channels, stride) of each residual block.

    The buffers `guard_means` (2, features) and `guard_precision` (features, features) describe the
    features of the training pictures of each class; they travel with the weights.
    """

    guard_means: Tensor
    guard_precision: Tensor

    def __init__(self, stem: int, blocks: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(inplace=True),
        )
        channels_in = [stem, *(channels for channels, _ in blocks)]
        self.blocks = nn.ModuleList(
            ResidualBlock(before, channels, stride)
            for before, (channels, stride) in zip(channels_in, blocks, strict=False)
        )
        self.dropout = nn.Dropout2d(0.2)
        self.head = nn.Conv2d(channels_in[-1], 1, 1)
        size = LAYOUT**2 + sum(channels_in)
        self.register_buffer("guard_means", torch.zeros(2, size))
        self.register_buffer("guard_precision", torch.eye(size))

    def forward(self, pictures: Tensor) -> Reading:
        """Read pictures of shape (n, 1, rows, columns), each standardised by `prepare`."""
        x = cast("Tensor", self.stem(pictures))
        levels = [functional.adaptive_avg_pool2d(pictures, LAYOUT).flatten(1), x.mean(dim=(2, 3))]
        for block in self.blocks:
            x = cast("Tensor", block(x))
            levels.append(x.mean(dim=(2, 3)))
        evidence = cast("Tensor", self.head(self.dropout(x))).squeeze(1)
        return Reading(evidence.mean(dim=(1, 2)), evidence, torch.cat(levels, dim=1))

    def distance(self, features: Tensor) -> Tensor:
        """Mahalanobis distance, shape (n,), to the nearer of the two training classes."""
        offsets = features[:, None] - self.guard_means
        squared = torch.einsum("ncf,fg,ncg->nc", offsets, self.guard_precision, offsets)
        return squared.min(dim=1).values.clamp(min=0).sqrt()

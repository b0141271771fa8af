"""A graph that takes patches, asked about a whole volume: patch by patch, and averaged where they overlap.

Source: MONAI's SlidingWindowInferer. One patch is in the graph at a time, so memory is that of the answer alone.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from services.imaging.inference.graph import Graph

LARGEST: Final = 1 << 27
"""Values of the blended answer: half a GiB as float32."""

SIGMA: Final = 0.125
"""Of the Gaussian, as a share of the patch's edge (as in MONAI and nnU-Net)."""

_LEAST: Final = 1e-3
"""Weight of a patch's corner: each voxel has one."""

Size = tuple[int, int, int]


def corners(shape: Size, patch: Size, overlap: float) -> list[Size]:
    """Where patches begin: evenly, the last one at the end."""
    along = []
    for edge, size in zip(shape, patch, strict=True):
        step = max(1, int(size * (1 - overlap)))
        starts = [*range(0, max(edge - size, 0), step), max(edge - size, 0)]
        along.append(starts)
    return [(first, second, third) for first, second, third in product(*along)]


def blended(graph: Graph, values: Tensor, patch: Size, overlap: float, blend: str) -> Tensor:
    """Logits (classes, first, second, third) of a volume (first, second, third).

    Raises:
        ValueError: more values than `LARGEST`.
        RuntimeError: the graph failed, or answers another shape than it is asked.
    """
    whole = _padded(values, patch)
    weight = _weight(patch, blend)
    total = sums = torch.empty(0)
    for corner, logits in asked(graph, whole, patch, overlap):
        if logits.shape[1:] != torch.Size(patch):
            raise RuntimeError("the graph answers a patch with another shape")
        if not sums.numel():
            if logits.shape[0] * whole.numel() > LARGEST:
                raise ValueError(f"the answer has more than {LARGEST // 10**6} million values")
            sums, total = torch.zeros(logits.shape[0], *whole.shape), torch.zeros(whole.shape)
        spot = tuple(slice(begin, begin + size) for begin, size in zip(corner, patch, strict=True))
        sums[(slice(None), *spot)] += logits * weight
        total[spot] += weight
    sums /= total
    return sums[:, : values.shape[0], : values.shape[1], : values.shape[2]]


def asked(graph: Graph, values: Tensor, patch: Size, overlap: float) -> Iterator[tuple[Size, Tensor]]:
    """Each patch's corner, and the logits of it."""
    whole = _padded(values, patch)
    for corner in corners((whole.shape[0], whole.shape[1], whole.shape[2]), patch, overlap):
        spot = tuple(slice(begin, begin + size) for begin, size in zip(corner, patch, strict=True))
        yield corner, graph(whole[spot][None, None].contiguous())["logits"][0]


def _padded(values: Tensor, patch: Size) -> Tensor:
    """At least as large as a patch; zeros at the end, so that no index moves."""
    missing = [max(0, size - edge) for edge, size in zip(values.shape, patch, strict=True)]
    if not any(missing):
        return values
    return functional.pad(values, [margin for lack in reversed(missing) for margin in (0, lack)])


def _weight(patch: Size, blend: str) -> Tensor:
    if blend == "constant":
        return torch.ones(patch)
    first, second, third = (
        torch.exp(-0.5 * ((torch.arange(edge) - (edge - 1) / 2) / (edge * SIGMA)) ** 2) for edge in patch
    )
    return (first[:, None, None] * second[:, None] * third).clamp(min=_LEAST)

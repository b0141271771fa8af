"""Does a heat map explain? Two questions that a map can fail.

Another network, with the same weights in another order, has to give another map; and hiding the
place that the map marks has to lower the score more than hiding other places of the picture.

Sources: Adebayo et al. 2018 (sanity checks for saliency maps), https://arxiv.org/abs/1810.03292;
Zeiler and Fergus 2014 (occlusion), https://arxiv.org/abs/1311.2901.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.measures import interval, proportion

Reader = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Of standardised pictures (n, 1, size, size): scores (n, classes) and maps (n, classes, h, w)."""
ELSEWHERE = 8
"""Other places that are hidden for each picture."""


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """The same network with the values of each parameter in another order, in place."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            order = torch.randperm(parameter.numel(), generator=random)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return network


def likeness(first: Tensor, second: Tensor) -> Tensor:
    """Correlation of each pair of maps (n, h, w), shape (n,); 0 where a map is flat."""
    a, b = (m.flatten(1) - m.flatten(1).mean(dim=1, keepdim=True) for m in (first, second))
    found: Tensor = (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-9)
    return found


def hidden(pictures: Tensor, rows: Tensor, columns: Tensor, edge: int) -> Tensor:
    """Pictures (n, 1, size, size) whose square from (row, column) on is blank: 0, the mean of a standardised one."""
    place = torch.arange(pictures.shape[-1])
    down = (place >= rows[:, None]) & (place < rows[:, None] + edge)
    across = (place >= columns[:, None]) & (place < columns[:, None] + edge)
    return pictures.masked_fill((down[:, :, None] & across[:, None, :])[:, None], 0.0)


def strongest(maps: Tensor, size: int, edge: int) -> tuple[Tensor, Tensor]:
    """First row and column, in pixels, of the square whose part of each map (n, h, w) is the largest."""
    large = functional.interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=False)
    sums = functional.avg_pool2d(large, edge, stride=2)[:, 0]
    best = sums.flatten(1).argmax(dim=1)
    return best // sums.shape[2] * 2, best % sums.shape[2] * 2


def elsewhere(picture: Tensor, row: int, column: int, edge: int, random: torch.Generator) -> list[tuple[int, int]]:
    """Squares of the bright part of a picture (size, size) that share no pixel with the one at (row, column)."""
    share = functional.avg_pool2d((picture > picture.mean()).float()[None, None], edge, stride=2)[0, 0]
    own = share[row // 2, column // 2]
    places = torch.nonzero(share >= 0.5 * own) * 2
    apart = (places[:, 0] - row).abs().ge(edge) | (places[:, 1] - column).abs().ge(edge)
    others = places[apart]
    chosen = torch.randperm(len(others), generator=random)[:ELSEWHERE]
    return [(int(r), int(c)) for r, c in others[chosen]]


def occlusion(read: Reader, pictures: Tensor, classes: Sequence[int], maps: Tensor, edge: int) -> list[dict[str, Any]]:
    """How much the score falls when the marked square is hidden, and when others are; one entry a picture.

    Args:
        read: the network.
        pictures: standardised, shape (n, 1, size, size).
        classes: whose score is looked at, of each picture.
        maps: shape (n, h, w); what is put to the test.
        edge: of the hidden square, pixels.
    """
    random = torch.Generator().manual_seed(0)
    rows, columns = strongest(maps, pictures.shape[-1], edge)
    found = []
    with torch.inference_mode():
        for i, (picture, chosen) in enumerate(zip(pictures, classes, strict=True)):
            row, column = int(rows[i]), int(columns[i])
            others = elsewhere(picture[0], row, column, edge, random)
            if not others:
                continue
            places = torch.tensor([(row, column), *others])
            batch = hidden(picture[None].repeat(len(places), 1, 1, 1), places[:, 0], places[:, 1], edge)
            scores = read(torch.cat([picture[None], batch]))[0][:, chosen]
            falls = (scores[0] - scores[1:]).tolist()
            found.append({"picture": i, "marked": falls[0], "elsewhere": sum(falls[1:]) / len(others)})
    return found


def summary(falls: list[dict[str, Any]], likenesses: Tensor, edge: int, size: int) -> dict[str, Any]:
    """The figures of `occlusion` and of `likeness` to the maps of a randomised network, with intervals."""
    marked, other = (np.array([fall[key] for fall in falls]) for key in ("marked", "elsewhere"))
    alike = likenesses.numpy()
    everyone = range(len(falls))
    return {
        "pictures": len(falls),
        "hidden_square": f"{edge} x {edge} of {size} x {size} pixels",
        "score_falls_when_marked_is_hidden": interval(lambda i: float(marked[i].mean()), everyone),
        "score_falls_when_elsewhere_is_hidden": interval(lambda i: float(other[i].mean()), everyone),
        "marked_lowers_it_more": proportion(int((marked > other).sum()), len(falls)),
        "map_likeness_to_a_network_with_shuffled_weights": interval(
            lambda i: float(alike[i].mean()), range(len(alike))
        ),
    }

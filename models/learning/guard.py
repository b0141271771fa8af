"""How far a picture is from those that a model learnt from.

Source: Lee et al. 2018, https://arxiv.org/abs/1807.03888; covariance shrunk as in
Ledoit and Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

THUMBNAIL = 32
NEAREST = 0.05
"""Quantile of a foreign set's distances that counts as its nearest pictures."""


def nearest(features: Tensor, means: Tensor, precision: Tensor) -> Tensor:
    """Mahalanobis distance, shape (n,), of features (n, f) to the nearest of the means (classes, f)."""
    offsets = features[:, None] - means
    squared = ((offsets @ precision) * offsets).sum(dim=2)
    return squared.amin(dim=1).clamp(min=0).sqrt()


def fit(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Means of each class and the precision that they share, of features (n, f) with labels (n,)."""
    from sklearn.covariance import LedoitWolf  # type: ignore[import-untyped] # noqa: PLC0415 - only fitting needs it

    classes = int(labels.max()) + 1
    means = torch.stack([features[labels == value].mean(dim=0) for value in range(classes)])
    centred = (features - means[labels]).double().numpy()
    precision = LedoitWolf(assume_centered=True).fit(centred).precision_
    return means, torch.from_numpy(precision).float()


def without(precision: Tensor, kept: Tensor) -> Tensor:
    """A precision (f, f) of all features, of one of those that are kept (a mask of f): the others weigh nothing."""
    whole = torch.zeros(len(kept), len(kept))
    whole[kept[:, None] & kept] = precision.flatten()
    return whole


def clusters(pictures: Tensor, number: int) -> Tensor:
    """Pictures (n, 1, size, size) that look alike, in `number` groups: their thumbnails' nearest of as many means."""
    from sklearn.cluster import KMeans  # type: ignore[import-untyped] # noqa: PLC0415 - only fitting needs it

    small = functional.adaptive_avg_pool2d(pictures, THUMBNAIL).flatten(1)
    even = (small - small.mean(dim=1, keepdim=True)) / small.std(dim=1, keepdim=True).clamp(min=1e-6)
    return torch.from_numpy(KMeans(number, n_init=3, random_state=0).fit_predict(even.numpy())).long()


def held_out(features: Tensor, labels: Tensor, cluster: Tensor) -> Tensor:
    """Distance, shape (n,), of each picture's features from the pictures of the other clusters.

    A site's pictures differ from a validation part's by more than chance does; a cluster that the guard has not seen
    is the nearest thing to another source that one source's pictures can give.
    """
    found = torch.zeros(len(features))
    for number in range(int(cluster.max()) + 1):
        out = cluster == number
        found[out] = nearest(features[out], *fit(features[~out], labels[~out]))
    return found


def halfway(known: float, strange: Mapping[str, Tensor]) -> float:
    """The limit with the same room on both sides: in ratio as far beyond what must be known as below what is foreign.

    A quantile of known pictures alone lies at their very edge, and another hospital's known pictures lie a little
    further out than any part of one's own.

    Args:
        known: distance within which pictures must be accepted.
        strange: name of a foreign set -> distances of its pictures; the set nearest by its `NEAREST` quantile counts.

    Raises:
        ValueError: a foreign set is no further than the known pictures.
    """
    nearest_set = min(float(distances.quantile(NEAREST)) for distances in strange.values())
    if nearest_set <= known:
        raise ValueError(
            f"foreign pictures begin at {nearest_set:.3f}, known ones end at {known:.3f}: no limit parts them"
        )
    return round(math.sqrt(known * nearest_set), 3)

"""How far a picture is from those that a model learnt from.

Source: Lee et al. 2018, https://arxiv.org/abs/1807.03888; covariance shrunk as in
Ledoit and Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4.
"""

import torch
from torch import Tensor


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

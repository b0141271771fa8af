"""From logits to probabilities that mean what they say.

Source: Platt 1999; Guo et al. 2017, https://arxiv.org/abs/1706.04599.
"""

import torch
from torch import Tensor
from torch.nn import functional


def platt(logit: Tensor, labels: Tensor) -> dict[str, float]:
    """Slope and intercept, of logits (n,) with labels 0 or 1, with the least cross-entropy."""
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        found = functional.binary_cross_entropy_with_logits(line[0] * logit.double() + line[1], labels.double())
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return {"slope": round(line[0].item(), 4), "intercept": round(line[1].item(), 4)}

"""What training does in every model: AdamW along one cycle of the learning rate, and a moving average of the weights.

Sources: Loshchilov and Hutter 2019 (AdamW), https://arxiv.org/abs/1711.05101; Smith and Topin 2018 (one cycle),
https://arxiv.org/abs/1708.07120.
"""

from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Network = TypeVar("Network", bound=nn.Module)


class Course(Generic[Network]):
    """One network on its way.

    Args:
        network: what learns.
        peak: the highest learning rate.
        steps: that the learning rate is planned for.
        decay: of the weights.
        memory: decay of the moving average, per step.
    """

    def __init__(self, network: Network, *, peak: float, steps: int, decay: float, memory: float) -> None:
        self._network = network
        self._average = AveragedModel(
            network,
            multi_avg_fn=get_ema_multi_avg_fn(memory),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, peak, total_steps=steps, pct_start=0.2)

    @property
    def averaged(self) -> Network:
        """The network with the average of its weights until now: this one is looked at and kept."""
        return cast("Network", self._average.module)

    def step(self, loss: Tensor) -> None:
        """Learn from the loss of one batch."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        self._average.update_parameters(self._network)

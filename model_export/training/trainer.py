"""Trains one network for some epochs. Knows no validation; `fit` decides how long and on what.

`batch_loss` is the loss of a batch as a function, `seeded` the one place where a seed is set.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from model_export.data.sessions import Sessions
from model_export.training.batches import Batch, Batches, Epochs
from model_export.training.config import FitConfig
from model_export.training.device import device, product_type
from model_export.training.distillation import Teachers
from model_export.training.distributed import world
from model_export.training.losses import Loss, make_loss
from model_export.training.network import Network, NetworkConfig
from model_export.training.session_parallel import Lanes
from nextitem.errors import InputError

CLIP_NORM = 1.0
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""
SHORTEST_CYCLE = 11
"""Steps of a schedule. Of ten, torch's one-cycle schedule divides by zero, and of one it never leaves the bottom."""

OnBatch = Callable[[int, int, int], None]
"""Told of the epoch, how many of its batches are done, and of how many."""
OnEpoch = Callable[[int, float, Network], bool]
"""Given an epoch's number, its mean loss and the network as it would serve; says whether to go on."""


def learn(
    sessions: Sessions,
    config: FitConfig,
    epochs: int,
    on_batch: OnBatch,
    on_epoch: OnEpoch,
    teachers: Teachers | None = None,
) -> Network:
    """Return a network trained on sessions.

    Args:
        sessions: what to learn from; their catalogue becomes the network's.
        config: with nothing left open (`defaults.for_data`).
        epochs: how many, unless `on_epoch` ends it before.
        on_batch: told of progress.
        on_epoch: called after each epoch.
        teachers: whom to learn from besides, over the same catalogue.

    Raises:
        InputError: the settings let the weights grow beyond all bounds.
    """
    rng, here = seeded(config.seed), world()
    on = device()
    network = Network(network_config(config, len(sessions.catalogue))).to(on)
    here.reseed(config.seed)
    counts = torch.from_numpy(np.bincount(sessions.codes, minlength=len(sessions.catalogue)).astype(np.float32))
    loss_of = make_loss(config, counts.to(on), product_type(config.precision, on))
    loss_on = here.wrapped(BatchLoss(network, loss_of, teachers))
    batches = batches_of(sessions, config)
    optimiser = _optimiser(network, config)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        config.learning_rate,
        total_steps=max(epochs * len(batches), SHORTEST_CYCLE),
        pct_start=WARMUP,
        cycle_momentum=config.optimiser == "adamw",  # Adagrad has none
    )
    average = _average_of(network, config.averaging)
    for number in range(1, epochs + 1):
        network.train()
        total = torch.zeros((), device=on)
        for done, batch in enumerate(batches.epoch(rng), 1):
            loss = loss_on(here.share(batch).to(on))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimiser.step()
            schedule.step()
            if average is not None:
                average.update_parameters(network)
            total += loss.detach()
            on_batch(number, done, len(batches))
        total = here.mean(total)
        if not all(bool(weights.isfinite().all()) for weights in (total, *network.parameters())):
            raise InputError(
                f"the weights grew beyond all bounds in epoch {number}: lower learning rate or raise temperature"
            )
        served = network if average is None else average.module
        if not on_epoch(number, float(total) / len(batches), served.eval()):
            break
    return network if average is None else average.module


def _optimiser(network: Network, config: FitConfig) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adagrad
    return kind(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def batches_of(sessions: Sessions, config: FitConfig) -> Epochs:
    """Return what an epoch goes through."""
    if config.batching == "session-parallel":
        return Lanes(sessions, config.batch, config.recency)
    return Batches(sessions, config.batch, config.window, config.recency)


def batch_loss(network: Network, batch: Batch, loss_of: Loss, teachers: Teachers | None = None) -> Tensor:
    """Return the mean loss of a batch's transitions, each weighted by its session's weight."""
    rows = network.rows()
    return _mean_loss(network, network(batch.inputs, rows), rows, batch, loss_of, teachers)


def _mean_loss(
    network: Network, after: Tensor, rows: Tensor, batch: Batch, loss_of: Loss, teachers: Teachers | None
) -> Tensor:
    states = after[batch.mask]
    weights = batch.weights[:, None].expand(batch.mask.shape)[batch.mask] / len(states)
    loss = loss_of(network, states, rows, batch.targets[batch.mask], weights)
    return loss if teachers is None else loss + teachers.loss(network, states, rows, batch, weights)


class BatchLoss(nn.Module):
    """`batch_loss` as a module, which is what gradients are averaged of; it carries hidden states between batches."""

    def __init__(self, network: Network, loss_of: Loss, teachers: Teachers | None) -> None:
        super().__init__()
        self.network, self.loss_of, self.teachers = network, loss_of, teachers
        self._carried: Tensor | None = None

    def forward(self, batch: Batch) -> Tensor:
        """Return the batch's loss; of rows that go on, from where the batch before left them."""
        if batch.fresh is None:
            return batch_loss(self.network, batch, self.loss_of, self.teachers)
        before = self._carried
        if before is not None:
            before = before.masked_fill(batch.fresh[:, None], 0.0)
        rows = self.network.rows()
        after, last = self.network.going_on(batch.inputs, rows, before)
        self._carried = last.detach()
        return _mean_loss(self.network, after, rows, batch, self.loss_of, self.teachers)


def seeded(seed: int) -> np.random.Generator:
    """Seed torch, and return the generator that orders the batches."""
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def network_config(config: FitConfig, items: int) -> NetworkConfig:
    """Return the shape of a network for so many items."""
    return NetworkConfig(
        items=items,
        hidden=config.hidden,
        layers=config.layers,
        normalised=config.normalised,
        temperature=config.temperature,
        dropout=config.dropout,
        item_dropout=config.item_dropout,
    )


class _Average(torch.optim.swa_utils.AveragedModel):
    """The exponential moving average of a network's weights; early on, of as many steps as there were."""

    module: Network

    def __init__(self, network: Network, decay: float) -> None:
        def averaged(old: Tensor, new: Tensor, seen: Tensor | int) -> Tensor:
            steps = float(seen)
            return torch.lerp(old, new, 1.0 - min(decay, (1.0 + steps) / (10.0 + steps)))

        super().__init__(network, avg_fn=averaged)


def _average_of(network: Network, decay: float) -> _Average | None:
    return _Average(network, decay) if decay else None

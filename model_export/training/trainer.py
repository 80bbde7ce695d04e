"""Train one network for some epochs; `fit` decides for how many, and on which sessions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from model_export.data.sessions import Sessions
from model_export.training.batches import Batch, Batches, Epochs
from model_export.training.config import FitConfig
from model_export.training.device import device, product_type
from model_export.training.distributed import current_world
from model_export.training.losses import Loss, make_loss
from model_export.training.network import Network, NetworkConfig
from model_export.training.session_parallel import Lanes
from nextitem.errors import InputError

CLIP_NORM = 1.0
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""
MIN_SCHEDULE_STEPS = 11
"""With ten steps torch's one-cycle schedule divides by zero, with one it keeps the lowest learning rate."""

OnBatch = Callable[[int, int, int], None]
"""Called after each batch with the epoch's number, the number of its batches that are done, and of all its batches."""


@dataclass(frozen=True)
class TrainedEpoch:
    """The result of one epoch: its number from 1, its mean loss, and the network as it would serve."""

    number: int
    loss: float
    network: Network


def train_network(sessions: Sessions, config: FitConfig, epochs: int, on_batch: OnBatch) -> Iterator[TrainedEpoch]:
    """Train a network and yield after each epoch. The caller may stop early.

    Args:
        sessions: the training data; their catalogue becomes the network's.
        config: complete settings (`defaults.complete_config`).
        epochs: number of epochs that the learning rate's schedule is made for.
        on_batch: called after each batch.

    Raises:
        InputError: the settings let the weights overflow.
    """
    rng, world = seeded(config.seed), current_world()
    on = device()
    network = Network(network_config(config, len(sessions.catalogue), len(sessions.types))).to(on)
    world.reseed(config.seed)
    counts = torch.from_numpy(np.bincount(sessions.codes, minlength=len(sessions.catalogue)).astype(np.float32))
    loss_function = make_loss(config, counts.to(on), product_type(config.precision, on))
    loss_of = world.wrapped(BatchLoss(network, loss_function))
    batches = batches_of(sessions, config)
    optimiser = _optimiser(network, config)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        config.learning_rate,
        total_steps=max(epochs * len(batches), MIN_SCHEDULE_STEPS),
        pct_start=WARMUP,
        cycle_momentum=config.optimiser == "adamw",  # Adagrad has none
    )
    average = _Average(network, config.averaging) if config.averaging else None
    for number in range(1, epochs + 1):
        network.train()
        total = torch.zeros((), device=on)
        for done, batch in enumerate(batches.epoch(rng), 1):
            loss = loss_of(world.share(batch).to(on))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimiser.step()
            schedule.step()
            if average is not None:
                average.update_parameters(network)
            total += loss.detach()
            on_batch(number, done, len(batches))
        total = world.mean(total)
        if not all(bool(weights.isfinite().all()) for weights in (total, *network.parameters())):
            raise InputError(f"the weights overflowed in epoch {number}: lower learning rate or raise temperature")
        served = network if average is None else average.module
        yield TrainedEpoch(number, float(total) / len(batches), served.eval())


def _optimiser(network: Network, config: FitConfig) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adagrad
    return kind(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def batches_of(sessions: Sessions, config: FitConfig) -> Epochs:
    """Return the batches that the settings ask for."""
    if config.batching == "session-parallel":
        rows, transitions = int((sessions.lengths > 1).sum()), int((sessions.lengths - 1).clip(min=0).sum())
        lanes = config.batch * max(1, round(transitions / max(rows, 1)))  # as many steps as of whole sessions
        return Lanes(sessions, lanes, config.recency, config.type_weights)
    return Batches(sessions, config.batch, config.window, config.recency, type_weights=config.type_weights)


def batch_loss(network: Network, batch: Batch, loss_of: Loss) -> Tensor:
    """Return the mean loss of a batch's transitions, each with its weight."""
    rows = network.rows() if loss_of.of_all_items else None
    return _mean_loss(network, network(batch.inputs, rows, batch.types), rows, batch, loss_of)


def _mean_loss(network: Network, after: Tensor, rows: Tensor | None, batch: Batch, loss_of: Loss) -> Tensor:
    states = after[batch.mask]
    if not len(states):  # only events that act on the item at hand
        return after.sum() * 0.0
    weights = batch.weights[batch.mask] / len(states)
    return loss_of(network, states, rows, batch.targets[batch.mask], weights)


class BatchLoss(nn.Module):
    """`batch_loss` as a module: DistributedDataParallel averages gradients of a module.

    Of session-parallel batches, it carries the hidden states from batch to batch.
    """

    def __init__(self, network: Network, loss_of: Loss) -> None:
        super().__init__()
        self.network, self.loss_of = network, loss_of
        self._carried: Tensor | None = None

    def forward(self, batch: Batch) -> Tensor:
        """Return the batch's loss."""
        if batch.fresh is None:
            return batch_loss(self.network, batch, self.loss_of)
        before = self._carried
        if before is not None:
            before = before.masked_fill(batch.fresh[:, None], 0.0)
        rows = self.network.rows() if self.loss_of.of_all_items else None
        after, last = self.network.step(batch.inputs, rows, before, batch.types)
        self._carried = last.detach()
        return _mean_loss(self.network, after, rows, batch, self.loss_of)


def seeded(seed: int) -> np.random.Generator:
    """Seed torch, and return the generator that orders the batches."""
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def network_config(config: FitConfig, items: int, types: int) -> NetworkConfig:
    """Return the shape of the network for a catalogue of that size, and a number of types of events."""
    return NetworkConfig(
        items=items,
        hidden=config.hidden,
        layers=config.layers,
        normalised=config.normalised,
        temperature=config.temperature,
        dropout=config.dropout,
        item_dropout=config.item_dropout,
        types=types,
    )


class _Average(torch.optim.swa_utils.AveragedModel):
    """The exponential moving average of a network's weights; at first with a smaller decay, for there are few steps."""

    module: Network

    def __init__(self, network: Network, decay: float) -> None:
        def average(old: Tensor, new: Tensor, seen: Tensor | int) -> Tensor:
            steps = float(seen)
            return torch.lerp(old, new, 1.0 - min(decay, (1.0 + steps) / (10.0 + steps)))

        super().__init__(network, avg_fn=average)

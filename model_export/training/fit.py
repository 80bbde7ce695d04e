"""Fits the network: time-aware validation, early stopping, then once more on all sessions for as long as was best.

Writes nothing; `runs` keeps what comes out. Seeds decide everything: same seed, data and machine, same weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from model_export.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.split import Split, split_by_time, split_latest
from model_export.training.batches import Batch, Batches
from model_export.training.config import FitConfig
from model_export.training.losses import make_loss
from model_export.training.network import Network, NetworkConfig
from nextitem.errors import InputError

DEPTH = 20
VALIDATION_BATCH = 64
CLIP_NORM = 1.0
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""
SHORTEST_CYCLE = 11
"""Steps of a schedule. Of ten, torch's one-cycle schedule divides by zero, and of one it never leaves the bottom."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; the last two are NaN where nothing was validated."""

    number: int
    loss: float
    hr: float
    mrr: float


class Watcher(Protocol):
    """Hears how the fit goes."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """Hear that `done` of `total` batches of an epoch are done."""

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """Hear what an epoch came to."""


@dataclass(frozen=True)
class Fitted:
    """A trained network over `sessions.catalogue`, and how it got there."""

    network: Network
    epochs: int
    history: tuple[Epoch, ...]
    held_out: Sessions


def fit(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Fitted:
    """Train on sessions.

    Args:
        sessions: all training sessions; their catalogue becomes the model's.
        config: how.
        watcher: told of every batch and epoch.

    Raises:
        InputError: too little to train on or to validate on, or the settings let the weights grow beyond all bounds.
    """
    split = _split(sessions, config)
    judged = split.test.recoded(split.train.catalogue)
    if len(judged) == 0:
        raise InputError(f"there is nothing to validate on: {split.by} have no two events of known items")
    history: list[Epoch] = []

    def validate(number: int, loss: float, network: Network) -> bool:
        history.append(Epoch(number, loss, *_judge(network, judged)))
        watcher.epoch("validate", history[-1])
        best = max(history, key=lambda epoch: epoch.mrr).number
        return number - best < config.patience

    _train(split.train, config, config.epochs, lambda *at: watcher.batch("validate", *at), validate)
    best = max(history, key=lambda epoch: epoch.mrr).number

    def go_on(number: int, loss: float, _network: Network) -> bool:
        watcher.epoch("refit", Epoch(number, loss, math.nan, math.nan))
        return True

    network = _train(sessions, config, best, lambda *at: watcher.batch("refit", *at), go_on)
    return Fitted(network.eval(), best, tuple(history), split.test)


def _train(
    sessions: Sessions,
    config: FitConfig,
    epochs: int,
    on_batch: Callable[[int, int, int], None],
    on_epoch: Callable[[int, float, Network], bool],
) -> Network:
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = Network(
        NetworkConfig(
            items=len(sessions.catalogue),
            hidden=config.hidden,
            layers=config.layers,
            normalised=config.normalised,
            temperature=config.temperature,
            dropout=config.dropout,
        )
    )
    loss_of = make_loss(config.loss, config.smoothing)
    batches = Batches(sessions, config.batch, config.window)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=max(epochs * len(batches), SHORTEST_CYCLE), pct_start=WARMUP
    )
    for number in range(1, epochs + 1):
        network.train()
        total = 0.0
        for done, batch in enumerate(batches.epoch(rng), 1):
            rows = network.rows()
            loss = loss_of(network, network(batch.inputs, rows)[batch.mask], rows, batch.targets[batch.mask])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
            on_batch(number, done, len(batches))
        if not (math.isfinite(total) and all(bool(weights.isfinite().all()) for weights in network.parameters())):
            raise InputError(
                f"the weights grew beyond all bounds in epoch {number}: lower learning rate or raise temperature"
            )
        if not on_epoch(number, total / len(batches), network):
            break
    return network


@torch.inference_mode()
def _judge(network: Network, sessions: Sessions) -> tuple[float, float]:
    """Return HR@20 and MRR@20 of the float network; ties count against it."""
    network.eval()
    rows = network.rows()
    ranks = [
        _ranks(network, batch, rows)
        for batch in Batches(sessions, VALIDATION_BATCH, int(sessions.lengths.max())).epoch(np.random.default_rng(0))
    ]
    rank = torch.cat(ranks).double()
    hit = rank <= DEPTH
    return float(hit.double().mean()), float(torch.where(hit, 1.0 / rank, torch.zeros_like(rank)).mean())


def _ranks(network: Network, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
    targets = batch.targets[batch.mask].unsqueeze(1)
    scores = network.scores(network(batch.inputs, rows)[batch.mask], rows)
    return (scores >= scores.gather(1, targets)).sum(dim=1)


def _split(sessions: Sessions, config: FitConfig) -> Split:
    try:
        split = split_by_time(sessions, config.validation_days)
    except InputError:
        try:
            split = split_latest(sessions, f"all start on {config.validation_days} days or fewer")
        except InputError as error:
            raise InputError(f"no sessions can be set apart for validation: {error}") from error
    if not (split.train.lengths >= MIN_SESSION_EVENTS).any():
        raise InputError("there is nothing to learn from: outside the validation no session has two events")
    return split

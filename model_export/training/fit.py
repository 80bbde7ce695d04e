"""Fits the network: time-aware validation, early stopping, then once more on all sessions for as long as was best.

Writes nothing; `runs` keeps what comes out. Seeds decide everything: same seed, data and machine, same weights.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.data.split import Split, split_by_time, split_latest
from model_export.memory import Blend, BlendedMemory, Memory, MemoryConfig, build_index
from model_export.memory.fit_blend import BlendTargets, fit_blend
from model_export.memory.fit_recall import fit_recall
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.training.blend_targets import blend_targets
from model_export.training.config import MAX_SEED, FitConfig
from model_export.training.defaults import for_data
from model_export.training.distillation import Teachers
from model_export.training.distributed import world
from model_export.training.network import Network
from model_export.training.trainer import learn
from model_export.training.validation_metrics import network_accuracy, some
from nextitem.errors import InputError

MOST_TARGETS = 20_000
"""Next items that an epoch is judged by; of more, a part is drawn."""
RECALLED_TARGETS = 3000
"""Next items that the memory's settings are chosen by."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; the last two are NaN where nothing was validated."""

    number: int
    loss: float
    hr: float
    mrr: float

    @property
    def value(self) -> float:
        """What the best epoch is chosen by."""
        return Accuracy(self.hr, self.mrr).objective


class Watcher(Protocol):
    """Hears how the fit goes."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """Hear that `done` of `total` batches of an epoch are done."""

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """Hear what an epoch came to."""

    def blend(self, accuracy: Accuracy) -> None:
        """Hear what network and session memory reach together on the validation."""


@dataclass(frozen=True)
class Fitted:
    """A trained network over `sessions.catalogue`, on the processor, and how it got there.

    `config` is the settings that it was trained with, with nothing left open; `memory` the session memory beside it, if
    any, and `blended` what both together reach on the validation.
    """

    network: Network
    config: FitConfig
    epochs: int
    history: tuple[Epoch, ...]
    held_out: Sessions
    memory: BlendedMemory | None
    blended: Accuracy | None


@dataclass(frozen=True)
class Validated:
    """What the validation found: how long to train, and what network and memory come to together.

    Attributes:
        split: what was learned from and what was judged by.
        config: the settings, with nothing left open.
        history: each epoch.
        epochs: the best epoch's number.
        recall: how the memory is asked; None without one.
        targets: what the blend is learned from; None without a memory.
        blend: the best one for these; None without a memory.
    """

    split: Split
    config: FitConfig
    history: tuple[Epoch, ...]
    epochs: int
    recall: MemoryConfig | None = None
    targets: BlendTargets | None = None
    blend: Blend | None = None

    @property
    def blended(self) -> Accuracy | None:
        """What both together reach; None without a memory."""
        return accuracy(self.targets.ranks(self.blend)) if self.targets and self.blend else None


def fit(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Fitted:
    """Train on sessions.

    Args:
        sessions: all training sessions; their catalogue becomes the model's.
        config: how; what it leaves open is chosen by the data.
        watcher: told of every batch and epoch.

    Raises:
        InputError: too little to train on or to validate on, or the settings let the weights grow beyond all bounds.
    """
    found = validate(sessions, config, watcher)

    def go_on(number: int, loss: float, _network: Network) -> bool:
        watcher.epoch("refit", Epoch(number, loss, math.nan, math.nan))
        return True

    teachers = _teachers(sessions, found.config, found.epochs, watcher)
    network = learn(sessions, found.config, found.epochs, lambda *at: watcher.batch("refit", *at), go_on, teachers)
    memory = None
    if found.recall and found.blend:
        memory = BlendedMemory(Memory(build_index(sessions, found.recall), found.recall), found.blend)
    return Fitted(
        network=network.eval().cpu(),
        config=found.config,
        epochs=found.epochs,
        history=found.history,
        held_out=found.split.test,
        memory=memory,
        blended=found.blended,
    )


def validate(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Validated:
    """Train on all sessions but the last, which decide when to stop, and how much the session memory counts.

    The memory that the blend is learned with knows no session that it is learned from.

    Raises:
        InputError: see `fit`.
    """
    here = world()
    split = _split(sessions, config)
    judging = some(split.test.recoded(split.train.catalogue), MOST_TARGETS, config.seed)
    if len(judging) == 0:
        raise InputError(f"there is nothing to validate on: {split.by} have no two events of known items")
    config = settled(config, sessions)
    history: list[Epoch] = []
    weights: dict[str, Tensor] = {}

    def best() -> int:
        return max(history, key=lambda epoch: epoch.value).number

    def on_epoch(number: int, loss: float, network: Network) -> bool:
        reached = here.led(lambda: network_accuracy(network, judging))
        history.append(Epoch(number, loss, reached.hr, reached.mrr))
        watcher.epoch("validate", history[-1])
        if number == best():
            weights.update({name: values.clone() for name, values in network.state_dict().items()})
        return number - best() < config.patience

    teachers = _teachers(split.train, config, config.epochs, watcher)
    network = learn(split.train, config, config.epochs, lambda *at: watcher.batch("validate", *at), on_epoch, teachers)
    network.load_state_dict(weights)
    found = Validated(split, config, tuple(history), best())
    if not (config.memory_sessions and here.leads):  # the memory is written and not learned further: one has it
        return found
    recall = MemoryConfig(sessions=config.memory_sessions, events=config.memory_events)
    index = build_index(split.train, recall)
    recall = fit_recall(index, recall, some(judging, RECALLED_TARGETS, config.seed))
    targets = blend_targets(network, Memory(index, recall), judging, config.seed)
    found = replace(found, recall=recall, targets=targets, blend=fit_blend(targets))
    if found.blended:
        watcher.blend(found.blended)
    return found


def _teachers(sessions: Sessions, config: FitConfig, epochs: int, watcher: Watcher) -> Teachers | None:
    if not config.teachers:
        return None

    def taught(number: int) -> Network:
        own = replace(config, seed=(config.seed + number) % MAX_SEED)
        return learn(sessions, own, epochs, lambda *at: watcher.batch(f"teacher {number}", *at), lambda *_: True)

    return Teachers([taught(number) for number in range(1, config.teachers + 1)], config.distillation)


def settled(config: FitConfig, sessions: Sessions) -> FitConfig:
    """Return settings with nothing left open: what they leave open is chosen by the size of the data."""
    transitions = np.maximum(sessions.lengths - 1, 0)
    return for_data(config, int(transitions.sum()), int((transitions > 0).sum()), len(sessions.catalogue))


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

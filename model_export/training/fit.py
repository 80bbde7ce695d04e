"""Fit a model: validate by time with early stopping, then train again on all sessions for the best number of epochs.

Same seed, data and machine: same weights.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from torch import Tensor

from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time, split_latest
from model_export.memory import Blend, BlendedMemory, Memory, MemoryConfig, build_index
from model_export.memory.fit_blend import BLENDS, BlendTargets, fit_blend
from model_export.memory.fit_recall import TRIALS, fit_recall
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.progress import Phase, Progress
from model_export.training.blend_targets import MAX_TARGETS, blend_targets
from model_export.training.config import MAX_SEED, FitConfig
from model_export.training.defaults import complete_config
from model_export.training.distillation import Teachers
from model_export.training.distributed import current_world
from model_export.training.network import Network
from model_export.training.trainer import TrainedEpoch, batches_of, train_network
from model_export.training.validation_metrics import network_accuracy, sample_sessions
from nextitem.errors import InputError
from nextitem.event_types import VIEW

MAX_VALIDATION_TARGETS = 20_000
"""Next items that each epoch is validated on; of more, a sample is drawn."""
RECALL_TARGETS = 3000
"""Next items that the memory's settings are chosen by."""
RECALL, BLEND, WEIGHTS = "session memory: recall", "session memory: scores", "session memory: weights"
"""Phases after the validation."""


@dataclass(frozen=True)
class Epoch:
    """The result of one epoch. Without a validation, `hr` and `mrr` are NaN."""

    number: int
    loss: float
    hr: float
    mrr: float

    @property
    def objective(self) -> float:
        """The value by which the best epoch is chosen."""
        return Accuracy(self.hr, self.mrr).objective


class Watcher(Progress, Protocol):
    """Follows the progress of a training."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """Receive the number of batches of an epoch that are done."""

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """Receive the result of an epoch."""

    def blend(self, accuracy: Accuracy) -> None:
        """Receive the accuracy of network and session memory together on the validation sessions."""


@dataclass(frozen=True)
class Validated:
    """The result of the validation.

    Attributes:
        split: the sessions for training and those for validation.
        config: the complete settings.
        history: each epoch.
        epochs: number of the best epoch.
        recall: settings of the session memory; None without one.
        targets: the data that the blend was learned from; None without a memory.
        blend: weights of network and memory; None without a memory.
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
        """The accuracy of network and memory together; None without a memory."""
        return accuracy(self.targets.ranks(self.blend)) if self.targets and self.blend else None


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        network: over the catalogue of all sessions, on the processor.
        memory: the session memory; None without one.
        validated: how long the network was trained, and why.
    """

    network: Network
    memory: BlendedMemory | None
    validated: Validated


def fit(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Fitted:
    """Train on sessions.

    Args:
        sessions: all training sessions; their catalogue becomes the model's.
        config: the settings; those that are left open are chosen by the data.
        watcher: follows the progress.

    Raises:
        InputError: too little to train on or to validate on, or the settings let the weights overflow.
    """
    validated = validate(sessions, config, watcher)
    watcher.plan(_training_phases(sessions, validated.config, validated.epochs, "refit"))
    for epoch in _training(sessions, validated.config, validated.epochs, "refit", watcher):
        watcher.epoch("refit", Epoch(epoch.number, epoch.loss, math.nan, math.nan))
    memory = None
    if validated.recall and validated.blend:
        index = build_index(sessions, validated.recall)
        memory = BlendedMemory(Memory(index, validated.recall), validated.blend)
    return Fitted(epoch.network.eval().cpu(), memory, validated)


def validate(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Validated:
    """Train on all sessions but the last ones, which decide when to stop and how much the session memory counts.

    The memory does not hold the sessions that its blend is learned from.

    Raises:
        InputError: see `fit`.
    """
    world = current_world()
    if len(sessions.types) > 1 and sessions.types[0] != VIEW:
        raise InputError(
            f"the types of events are {', '.join(sessions.types)}, and none is {VIEW}, the type of an event that names "
            f"none: give one of them this label, such as --keep {sessions.types[0]}={VIEW},{sessions.types[1]}"
        )
    split = _split(sessions, config)
    held_out = split.test.recoded(split.train.catalogue)
    held_out = sample_sessions(held_out, MAX_VALIDATION_TARGETS, config.seed)
    if not held_out.is_target.any():
        raise InputError(f"there is nothing to validate on: {split.by} have no two events of known items")
    config = complete_config(config, sessions)
    after = [*_memory_phases(held_out, config), *_training_phases(sessions, config, config.epochs, "refit")]
    watcher.plan([*_training_phases(split.train, config, config.epochs, "validate"), *after])
    history: list[Epoch] = []
    weights: dict[str, Tensor] = {}
    best = 0
    for trained in _training(split.train, config, config.epochs, "validate", watcher):
        network = trained.network
        reached = world.by_leader(partial(network_accuracy, network, held_out))
        history.append(Epoch(trained.number, trained.loss, reached.hr, reached.mrr))
        watcher.epoch("validate", history[-1])
        best = max(history, key=lambda epoch: epoch.objective).number
        if best == trained.number:
            weights = {name: values.clone() for name, values in network.state_dict().items()}
        if trained.number - best >= config.patience:
            break
    network.load_state_dict(weights)
    validated = Validated(split, config, tuple(history), best)
    if not (config.memory_sessions and world.leads):  # only the leader writes the memory
        return validated
    refit = _training_phases(sessions, config, best, "refit")
    watcher.plan([*_memory_phases(held_out, config), *refit])
    validated = _with_memory(validated, network, held_out, watcher)
    if validated.blended:
        watcher.blend(validated.blended)
    return validated


def _with_memory(validated: Validated, network: Network, held_out: Sessions, watcher: Watcher) -> Validated:
    """Choose the settings of a session memory, and its weight beside the network."""
    config = validated.config
    recall = MemoryConfig(sessions=config.memory_sessions, events=config.memory_events)
    index = build_index(validated.split.train, recall)
    sample = sample_sessions(held_out, RECALL_TARGETS, config.seed)
    recall = fit_recall(index, recall, sample, lambda done: watcher.step(RECALL, done))
    sample = sample_sessions(held_out, MAX_TARGETS, config.seed)
    targets = blend_targets(network, Memory(index, recall), sample, lambda done: watcher.step(BLEND, done))
    return replace(
        validated, recall=recall, targets=targets, blend=fit_blend(targets, lambda done: watcher.step(WEIGHTS, done))
    )


def _memory_phases(held_out: Sessions, config: FitConfig) -> list[Phase]:
    if not config.memory_sessions:
        return []
    recalled, blended = (len(sample_sessions(held_out, size, config.seed)) for size in (RECALL_TARGETS, MAX_TARGETS))
    return [Phase(RECALL, TRIALS * recalled), Phase(BLEND, blended), Phase(WEIGHTS, BLENDS)]


def _training_phases(sessions: Sessions, config: FitConfig, epochs: int, stage: str) -> list[Phase]:
    batches = epochs * len(batches_of(sessions, config))
    teachers = [Phase(_teacher_of(stage, number), batches, "teachers") for number in range(1, config.teachers + 1)]
    return [*teachers, Phase(stage, batches, "network")]


def _teacher_of(stage: str, number: int) -> str:
    return f"{stage}: teacher {number}"


def _training(
    sessions: Sessions, config: FitConfig, epochs: int, stage: str, watcher: Watcher
) -> Iterator[TrainedEpoch]:
    """Train the teachers if there are any, then the network."""
    teachers = None
    if config.teachers:
        numbers = range(1, config.teachers + 1)
        networks = [_teacher(sessions, config, epochs, number, stage, watcher) for number in numbers]
        teachers = Teachers(networks, config.distillation)
    return train_network(sessions, config, epochs, lambda *batch: watcher.batch(stage, *batch), teachers)


def _teacher(sessions: Sessions, config: FitConfig, epochs: int, number: int, stage: str, watcher: Watcher) -> Network:
    own = replace(config, seed=(config.seed + number) % MAX_SEED)
    *_, last = train_network(sessions, own, epochs, lambda *batch: watcher.batch(_teacher_of(stage, number), *batch))
    return last.network


def _split(sessions: Sessions, config: FitConfig) -> Split:
    try:
        split = split_by_time(sessions, config.validation_days)
    except InputError:
        try:
            split = split_latest(sessions, f"all start on {config.validation_days} days or fewer")
        except InputError as error:
            raise InputError(f"no sessions can be set apart for validation: {error}") from error
    if not split.train.is_target.any():
        raise InputError("there is nothing to learn from: outside the validation no session has two events")
    return split

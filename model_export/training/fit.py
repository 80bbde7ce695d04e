"""Fit a model: validate by time with early stopping, then train again on all sessions for the best number of epochs.

Same seed, data and machine: same weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from torch import Tensor

from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time, split_latest
from model_export.memory import BlendedMemory, Memory, build_index
from model_export.metrics.ranking import Accuracy
from model_export.progress import Phase, Progress
from model_export.training.config import FitConfig
from model_export.training.defaults import complete_config, network_configs
from model_export.training.distributed import current_world
from model_export.training.fit_ranking import Ranking, choose_ranking, ranking_phases
from model_export.training.merge import merged
from model_export.training.neighbour_rows import with_neighbours
from model_export.training.network import Network
from model_export.training.trainer import batches_of, train_network
from model_export.training.validation_metrics import network_accuracy, sample_sessions
from nextitem.errors import InputError
from nextitem.event_types import VIEW

MAX_VALIDATION_TARGETS = 20_000
"""Next items that each epoch is validated on; of more, a sample is drawn."""
NO_ACCURACY = Accuracy(0.0, 0.0)
VALIDATE, REFIT = "validate", "refit"
"""Stages of the training of each network."""


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
class ValidatedNetwork:
    """The validation of one network.

    Attributes:
        config: its complete settings.
        network: with the weights of its best epoch.
        history: each epoch.
    """

    config: FitConfig
    network: Network
    history: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch with the best result, whose weights these are."""
        return max(self.history, key=lambda epoch: epoch.objective)


@dataclass(frozen=True)
class ValidatedNetworks:
    """The networks by themselves: the split, a sample of its later sessions, the complete settings, each network."""

    split: Split
    held_out: Sessions
    config: FitConfig
    networks: tuple[ValidatedNetwork, ...]


@dataclass(frozen=True)
class Validated:
    """The result of the validation.

    Attributes:
        split: the sessions for training and those for validation.
        config: the complete settings.
        networks: each network by itself.
        ranking: how they rank together, and beside the session memory; of several processes, only the first knows more
            than the share of neighbours and the accuracy.
    """

    split: Split
    config: FitConfig
    networks: tuple[ValidatedNetwork, ...]
    ranking: Ranking

    @property
    def history(self) -> tuple[Epoch, ...]:
        """Each epoch, of one network after the other."""
        return tuple(epoch for network in self.networks for epoch in network.history)

    @property
    def epochs(self) -> int:
        """The sum of the networks' best epochs."""
        return sum(network.best.number for network in self.networks)


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        network: over the catalogue of all sessions, on the processor.
        memory: the session memory; None without one.
        validated: how long the networks were trained, and why.
    """

    network: Network
    memory: BlendedMemory | None
    validated: Validated


def fit(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Fitted:
    """Train on sessions.

    Args:
        sessions: all training sessions; their catalogue becomes the model's.
        config: the settings.
        watcher: follows the progress.

    Raises:
        InputError: there are too few sessions to train or validate on, or the settings let the weights overflow.
    """
    validated = validate(sessions, config, watcher)
    configs = _best_configs(validated.networks)
    watcher.plan(_training_phases(sessions, configs, REFIT))
    stages = [stage_of(REFIT, number, len(configs)) for number in range(len(configs))]
    networks = [_refit(sessions, each, stage, watcher) for each, stage in zip(configs, stages, strict=True)]
    memory = None
    ranking = validated.ranking
    if ranking.recall and ranking.blend:
        memory = BlendedMemory(Memory(build_index(sessions, ranking.recall), ranking.recall), ranking.blend)
    network = with_neighbours(merged(networks), sessions, ranking.neighbour_rows)
    return Fitted(network.eval().cpu(), memory, validated)


def _best_configs(networks: Sequence[ValidatedNetwork]) -> list[FitConfig]:
    """Return each network's settings with its best number of epochs."""
    return [replace(network.config, epochs=network.best.number) for network in networks]


def _refit(sessions: Sessions, config: FitConfig, stage: str, watcher: Watcher) -> Network:
    for trained in train_network(sessions, config, config.epochs, partial(watcher.batch, stage)):
        watcher.epoch(stage, Epoch(trained.number, trained.loss, math.nan, math.nan))
    return trained.network


def validate(sessions: Sessions, config: FitConfig, watcher: Watcher) -> Validated:
    """Train on all sessions but the last ones, which decide when to stop and how much the session memory counts.

    The memory does not hold the sessions that its blend is learned from.

    Raises:
        InputError: see `fit`.
    """
    world = current_world()
    trained = validate_networks(sessions, config, watcher)
    refits = _training_phases(sessions, _best_configs(trained.networks), REFIT)
    watcher.plan([*ranking_phases(trained.held_out, trained.config), *refits])
    network = merged([each.network for each in trained.networks])
    ranking = None
    if world.leads:
        ranking = choose_ranking(network, trained.split.train, trained.held_out, trained.config, watcher.step)
    # The other processes need to know what follows from the choice, but not its data.
    share, own = world.by_leader(lambda: (ranking.neighbour_rows, ranking.accuracy) if ranking else (0.0, NO_ACCURACY))
    ranking = ranking or Ranking(share, own)
    if ranking.blended:
        watcher.blend(ranking.blended)
    return Validated(trained.split, replace(trained.config, neighbour_rows=share), trained.networks, ranking)


def validate_networks(sessions: Sessions, config: FitConfig, watcher: Watcher) -> ValidatedNetworks:
    """Do the first part of `validate`: train each network, and stop it when it gets no better.

    Raises:
        InputError: see `fit`.
    """
    split, held_out = split_for_validation(sessions, config)
    config = complete_config(config, sessions)
    configs = network_configs(config)
    choice = ranking_phases(held_out, config)
    validations = _training_phases(split.train, configs, VALIDATE)
    networks: list[ValidatedNetwork] = []
    for number, each in enumerate(configs):
        refits = [*_best_configs(networks), *configs[number:]]
        watcher.plan([*validations[number:], *choice, *_training_phases(sessions, refits, REFIT)])
        stage = stage_of(VALIDATE, number, len(configs))
        networks.append(validate_network(split.train, held_out, each, stage, watcher))
    return ValidatedNetworks(split, held_out, config, tuple(networks))


def split_for_validation(sessions: Sessions, config: FitConfig) -> tuple[Split, Sessions]:
    """Return the split, and a sample of its later sessions over the catalogue of the earlier ones.

    Raises:
        InputError: see `fit`.
    """
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
    return split, held_out


def validate_network(
    train: Sessions, held_out: Sessions, config: FitConfig, stage: str, watcher: Watcher
) -> ValidatedNetwork:
    """Train a network until it gets no better, and return it as it was at its best.

    Args:
        train: the sessions that it learns from.
        held_out: the sessions that it is measured on, over the same catalogue.
        config: its complete settings.
        stage: a name for the progress.
        watcher: follows the progress.
    """
    world = current_world()
    history: list[Epoch] = []
    weights: dict[str, Tensor] = {}
    for trained in train_network(train, config, config.epochs, partial(watcher.batch, stage)):
        network = trained.network
        reached = world.by_leader(partial(network_accuracy, network, held_out))
        history.append(Epoch(trained.number, trained.loss, reached.hr, reached.mrr))
        watcher.epoch(stage, history[-1])
        best = max(history, key=lambda epoch: epoch.objective).number
        if best == trained.number:
            weights = {name: values.clone() for name, values in network.state_dict().items()}
        if trained.number - best >= config.patience:
            break
    network.load_state_dict(weights)
    return ValidatedNetwork(config, network, tuple(history))


def stage_of(stage: str, number: int, networks: int) -> str:
    """Return the name of a stage of the training of one network, counted from 0."""
    return stage if networks == 1 else f"{stage} network {number + 1}"


def _training_phases(sessions: Sessions, configs: Sequence[FitConfig], stage: str) -> list[Phase]:
    return [
        Phase(
            stage_of(stage, number, len(configs)),
            config.epochs * len(batches_of(sessions, config)),
            f"network, {config.batching}",
        )
        for number, config in enumerate(configs)
    ]


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

"""Settings that follow from the data's size and from the time, so that `nextitem train` works well without options."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from model_export.data.sessions import Sessions
from model_export.training.config import BY_DATA, MAX_SEED, Batching, FitConfig, LossName

STEPS = 700
"""Steps of an epoch that batches are sized for."""
MIN_BATCH, MAX_BATCH = 128, 256
"""Sessions in a batch: smaller batches waste the processor, larger ones learn less from each session."""
ENOUGH_TRANSITIONS = 4e6
"""Transitions in all epochs after which little more is learned. Small shops reach the maximum of epochs first."""
MIN_EPOCHS, MAX_EPOCHS = 6, 10
FEW_EPOCHS, FEWEST_EPOCHS = 4, 2
"""Where time is short: epochs become fewer down to the first number, then networks, then epochs down to the second."""
BESIDE_EPOCHS = 1.3
"""All of a training beside the epochs alone: validations, the session memory, the choice of the ranking."""
NETWORKS = 2
"""Networks that serve as one, where time allows: each further one costs a request more than it brings."""
HIDDEN, WIDE_HIDDEN = 128, 256
"""Hidden size of each network. In the shops that were tried the wide one was better, or no difference was certain.
Requests and training pay for it: with more than `WIDE_UP_TO` items, or where time is short, it is the other."""
WIDE_UP_TO = 20_000
BATCHINGS: tuple[Batching, ...] = ("padded", "session-parallel")
"""How the networks are trained in turn, if the settings leave it open."""
SECONDS_PER_PRODUCT = {"softmax": 3e-11, "sampled-softmax": 1e-10, "bpr-max": 1e-10}
"""Seconds of two cores for each multiplication of a forward pass; the full softmax has a kernel of its own."""
SECONDS_PER_WEIGHT, SECONDS_PER_TRANSITION = 4e-9, 6e-6
"""Seconds for each number of the table in a step, and for the rest of a transition. All are from
`python -m bench.training.minutes` on two cores of a server; other machines differ."""


@dataclass(frozen=True)
class Decision:
    """A setting that was left open, the value that it gets, and why, in words."""

    setting: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Return a line."""
        return f"{self.setting} {self.value}: {self.reason}"


@dataclass(frozen=True)
class DataShape:
    """What the rules look at: next items, sessions that have one, and items of the catalogue."""

    transitions: int
    rows: int
    items: int

    @classmethod
    def of(cls, sessions: Sessions) -> "DataShape":
        """Return the shape of training sessions."""
        transitions = np.maximum(sessions.lengths - 1, 0)
        return cls(int(transitions.sum()), int((transitions > 0).sum()), len(sessions.catalogue))


def complete_config(config: FitConfig, sessions: Sessions) -> FitConfig:
    """Return settings in which the missing values are chosen; the networks' own come from `network_configs`."""
    return for_data(config, DataShape.of(sessions))


def network_configs(config: FitConfig) -> list[FitConfig]:
    """Return the settings of each network, from complete ones."""
    return [
        replace(
            config,
            seed=(config.seed + number) % MAX_SEED,
            batching=BATCHINGS[number % len(BATCHINGS)] if config.batching == "auto" else config.batching,
        )
        for number in range(config.networks)
    ]


def for_data(config: FitConfig, shape: DataShape) -> FitConfig:
    """Return settings with nothing left open but "auto" batching.

    Args:
        config: the settings; those that are set stay.
        shape: of the training data.
    """
    config = replace(
        config, batch=config.batch or min(max(shape.rows // STEPS, MIN_BATCH), MAX_BATCH), loss=_loss(config, shape)
    )
    wide = _wide(config, shape)
    wanted = wide.epochs
    may_be_wide = not config.hidden and wide.networks <= NETWORKS and shape.items <= WIDE_UP_TO
    if may_be_wide and expected_seconds(wide, shape) <= config.minutes * 60:
        return wide
    config = replace(config, hidden=config.hidden or HIDDEN)
    for networks in range(config.networks or NETWORKS, 0, -1):
        complete = replace(config, networks=networks, epochs=wanted)
        epochs = int(wanted * min(1.0, config.minutes * 60 / max(expected_seconds(complete, shape), 1e-9)))
        if config.networks or epochs >= min(wanted, FEW_EPOCHS):
            break
    return complete if config.epochs else replace(complete, epochs=min(wanted, max(epochs, FEWEST_EPOCHS)))


def _wide(config: FitConfig, shape: DataShape) -> FitConfig:
    """Return the settings with wide networks and all epochs, which may take too long."""
    wanted = config.epochs or min(max(round(ENOUGH_TRANSITIONS / max(shape.transitions, 1)), MIN_EPOCHS), MAX_EPOCHS)
    return replace(config, hidden=WIDE_HIDDEN, networks=config.networks or NETWORKS, epochs=wanted)


def expected_seconds(config: FitConfig, shape: DataShape) -> float:
    """Return the seconds that a training takes on two cores: epochs of the validation and of the refit, and the rest.

    Args:
        config: settings with networks, hidden, epochs, batch and loss.
        shape: of the training data.
    """
    scored = shape.items if config.loss == "softmax" else min(config.samples, shape.items)
    products = config.hidden * (scored + 6 * config.layers * config.hidden)
    steps = shape.rows / config.batch
    epoch = (
        shape.transitions * (products * SECONDS_PER_PRODUCT[config.loss] + SECONDS_PER_TRANSITION)
        + steps * shape.items * config.hidden * SECONDS_PER_WEIGHT
    )
    return 2 * config.networks * config.epochs * epoch * BESIDE_EPOCHS


def decisions(config: FitConfig, sessions: Sessions) -> list[Decision]:
    """Return what `complete_config` chooses, and why; nothing for settings that are set."""
    shape = DataShape.of(sessions)
    chosen = for_data(config, shape)
    return [
        Decision(setting, str(getattr(chosen, setting)), reason)
        for setting, reason in _reasons(config, chosen, shape)
        if getattr(config, setting) in {BY_DATA, "auto"}
    ]


def _reasons(config: FitConfig, chosen: FitConfig, shape: DataShape) -> Iterator[tuple[str, str]]:
    """Yield each setting that can be left open, and the rule with its inputs."""
    yield (
        "loss",
        f"{shape.items:,} items, {'at most' if _few_items(config, shape) else 'more than'} 2 x {config.samples:,}",
    )
    wanted = f"{ENOUGH_TRANSITIONS:,.0f} / {shape.transitions:,} next items, from {MIN_EPOCHS} to {MAX_EPOCHS}"
    minutes = expected_seconds(chosen, shape) / 60
    time = f"expected are {minutes:.1f} of {config.minutes:g} minutes"
    wide = expected_seconds(_wide(replace(config, batch=chosen.batch, loss=chosen.loss), shape), shape) / 60
    where = f"up to {WIDE_UP_TO:,} items, for at most {NETWORKS} networks, whose epochs all fit"
    fit = f"expected are {wide:.1f} of {config.minutes:g} minutes"
    yield "hidden", f"{shape.items:,} items; {WIDE_HIDDEN} {where} ({fit}), else {HIDDEN}"
    yield "networks", f"at most {NETWORKS}, {time}"
    yield "epochs", f"{wanted}, {time}"
    yield "batch", f"{shape.rows:,} sessions with a next item / {STEPS}, from {MIN_BATCH} to {MAX_BATCH}"
    yield "batching", ", then ".join(each.batching for each in network_configs(chosen)) + ", network by network"


def _few_items(config: FitConfig, shape: DataShape) -> bool:
    """Tell whether a sample of the items spares too little."""
    return shape.items <= 2 * config.samples


def _loss(config: FitConfig, shape: DataShape) -> LossName:
    if config.loss != "auto":
        return config.loss
    return "softmax" if _few_items(config, shape) else "sampled-softmax"

"""Settings that follow from the size of the data, so that `nextitem train` works well without options."""

from dataclasses import dataclass, replace

import numpy as np

from model_export.data.sessions import Sessions
from model_export.training.config import BY_DATA, FitConfig, LossName

MAX_FULL_SOFTMAX = 5e9
"""Maximum scores of an epoch, transitions x items, to train each transition against every item: about two minutes of
one core."""
STEPS = 700
"""Steps of an epoch that batches are sized for."""
MIN_BATCH, MAX_BATCH = 128, 256
"""Sessions in a batch: smaller batches waste the processor, larger ones learn less from each session."""
ENOUGH_TRANSITIONS = 4e6
"""Transitions in all epochs after which little more is learned. Small shops reach the maximum of epochs first."""
MIN_EPOCHS, MAX_EPOCHS = 6, 10


@dataclass(frozen=True)
class Decision:
    """A setting that was left open, the value that it gets, and why, in words."""

    setting: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Return a line."""
        return f"{self.setting} {self.value}: {self.reason}"


def complete_config(config: FitConfig, sessions: Sessions) -> FitConfig:
    """Return settings in which the missing values are chosen by the size of the data."""
    return for_data(config, *_shape(sessions))


def decisions(config: FitConfig, sessions: Sessions) -> list[Decision]:
    """Return what `complete_config` chooses, and why; nothing for settings that are set."""
    transitions, rows, items = _shape(sessions)
    chosen = complete_config(config, sessions)
    scores = f"{transitions:,} next items x {items:,} items are {transitions * items:.1e} scores an epoch"
    all_fit = transitions * items <= MAX_FULL_SOFTMAX
    of_loss = f"{scores}, {'at most' if all_fit else 'more than'} {MAX_FULL_SOFTMAX:.0e}"
    if not all_fit and chosen.loss == "softmax":
        of_loss = f"of {items:,} items, a sample of {config.samples:,} spares too little"
    of_epochs = f"{ENOUGH_TRANSITIONS:,.0f} / {transitions:,} next items, from {MIN_EPOCHS} to {MAX_EPOCHS}"
    of_batch = f"{rows:,} sessions with a next item / {STEPS}, from {MIN_BATCH} to {MAX_BATCH}"
    if config.batching == "session-parallel":
        of_batch += f", times {max(1, round(transitions / max(rows, 1)))} next items a session"
    found = {"loss": of_loss, "epochs": of_epochs, "batch": of_batch}
    return [
        Decision(setting, str(getattr(chosen, setting)), reason)
        for setting, reason in found.items()
        if getattr(config, setting) in {BY_DATA, "auto"}
    ]


def _shape(sessions: Sessions) -> tuple[int, int, int]:
    """Return the number of transitions, of sessions that have one, and of items."""
    transitions = np.maximum(sessions.lengths - 1, 0)
    return int(transitions.sum()), int((transitions > 0).sum()), len(sessions.catalogue)


def for_data(config: FitConfig, transitions: int, rows: int, items: int) -> FitConfig:
    """Return settings with nothing left open.

    Args:
        config: the settings; those that are set stay.
        transitions: pairs of an event and the next one in the training data.
        rows: sessions that have such a pair.
        items: size of the catalogue.
    """
    batch = config.batch or min(max(rows // STEPS, MIN_BATCH), MAX_BATCH)
    if not config.batch and config.batching == "session-parallel":  # as many steps as of whole sessions
        batch *= max(1, round(transitions / max(rows, 1)))
    epochs = config.epochs or min(max(round(ENOUGH_TRANSITIONS / max(transitions, 1)), MIN_EPOCHS), MAX_EPOCHS)
    return replace(config, batch=batch, epochs=epochs, loss=_loss(config, transitions, items))


def _loss(config: FitConfig, transitions: int, items: int) -> LossName:
    if config.loss != "auto":
        return config.loss
    return "softmax" if transitions * items <= MAX_FULL_SOFTMAX or items <= 2 * config.samples else "sampled-softmax"

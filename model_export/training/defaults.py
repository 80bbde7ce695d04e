"""Settings that follow from the size of the data, so that `nextitem train` works well without options."""

from dataclasses import replace

import numpy as np

from model_export.data.sessions import Sessions
from model_export.training.config import FitConfig, LossName

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


def complete_config(config: FitConfig, sessions: Sessions) -> FitConfig:
    """Return settings in which the missing values are chosen by the size of the data."""
    transitions = np.maximum(sessions.lengths - 1, 0)
    return for_data(config, int(transitions.sum()), int((transitions > 0).sum()), len(sessions.catalogue))


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

"""Settings that follow from the size of the data, so that `nextitem train` alone does well. Imports no torch."""

from dataclasses import replace

from model_export.training.config import FitConfig, LossName

FULL_SOFTMAX = 5e9
"""Scores of one epoch, transitions x items, up to which each transition is trained against every item: about two
minutes of one core."""
STEPS = 700
"""Steps of an epoch that batches are sized for."""
SMALLEST_BATCH, LARGEST_BATCH = 128, 256
"""Sessions in a batch: fewer waste the processor, more learn less from each session."""
LEARNT = 4e6
"""Transitions seen after which little more is learnt; small shops have not so many to see within `MOST_EPOCHS`."""
FEWEST_EPOCHS, MOST_EPOCHS = 6, 10


def for_data(config: FitConfig, transitions: int, rows: int, items: int) -> FitConfig:
    """Return the settings with none left open.

    Args:
        config: the settings; those that are given stay.
        transitions: pairs of an event and the next one in the training data.
        rows: sessions that have such a pair.
        items: size of the catalogue.
    """
    batch = config.batch or min(max(rows // STEPS, SMALLEST_BATCH), LARGEST_BATCH)
    if not config.batch and config.batching == "session-parallel":  # as many steps as of whole sessions
        batch *= max(1, round(transitions / max(rows, 1)))
    epochs = config.epochs or min(max(round(LEARNT / max(transitions, 1)), FEWEST_EPOCHS), MOST_EPOCHS)
    return replace(config, batch=batch, epochs=epochs, loss=_loss(config, transitions, items))


def _loss(config: FitConfig, transitions: int, items: int) -> LossName:
    if config.loss != "auto":
        return config.loss
    return "softmax" if transitions * items <= FULL_SOFTMAX or items <= 2 * config.samples else "sampled-softmax"

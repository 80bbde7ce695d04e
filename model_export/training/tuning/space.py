"""The settings that are searched, and their ranges."""

from dataclasses import replace

import optuna

from model_export.training.config import FitConfig

HIDDEN = (64, 96, 128, 192, 256)
"""Hidden sizes that the 8-bit score graph serves fast."""
BATCH = (32, 64, 128, 256)


def searched_values(base: FitConfig) -> dict[str, int | float]:
    """Return the searched values of the base settings: the first trial, so that a search is never worse than them."""
    return {
        "hidden": base.hidden,
        "batch": base.batch,
        "learning_rate": base.learning_rate,
        "dropout": base.dropout,
        "temperature": base.temperature,
        "item_dropout": base.item_dropout,
        "smoothing": base.smoothing,
        "recency": base.recency,
    }


def draw_config(trial: optuna.Trial, base: FitConfig) -> FitConfig:
    """Draw the settings of a trial.

    Args:
        trial: draws the searched values.
        base: the values that are not searched. Its `hidden` and `batch` are always among the choices.
    """
    return replace(
        base,
        hidden=int(trial.suggest_categorical("hidden", sorted({*HIDDEN, base.hidden}))),
        batch=int(trial.suggest_categorical("batch", sorted({*BATCH, base.batch}))),
        learning_rate=trial.suggest_float("learning_rate", 5e-4, 2e-2, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.6),
        temperature=trial.suggest_float("temperature", 0.03, 0.2, log=True),
        item_dropout=trial.suggest_float("item_dropout", 0.0, 0.3),
        smoothing=trial.suggest_float("smoothing", 0.0, 0.2),
        recency=trial.suggest_float("recency", 0.0, 3.0),
    )

"""The model card: what a version is, for people. Rendered from what the manifest also holds, so it names no version."""

from collections.abc import Iterable
from datetime import UTC, datetime

from model_export.data.sessions import FIRST_EPOCH_SECOND
from nextitem.model.manifest import ModelShape, Quantization, Training

USE = """\
Ranks the items of its catalogue as the next one of a visitor's session, from the items looked at so far. Made for
showing a handful of recommendations beside what the visitor sees; it decides nothing about people."""

MEASURED = """\
The float network on the last days of the training data, which it had not seen then; it learned once more from all days
afterwards. `nextitem evaluate` judges the artifact itself, on later days."""

LIMITS = """\
- It knows the items of its training data only: new ones are never recommended, and events on them are passed over.
- It learned what visitors did, shaped by what they were shown; it cannot tell what they would have liked better.
- What is popular or bought in seasons shifts: the further from the training period, the less the figures below say.
- Scores compare items within one answer. They are not probabilities, and differ between versions.
- It knows no prices, stock, age limits or wishes; filter those in the request."""


def card(
    shape: ModelShape, training: Training, validation: dict[str, float], scheme: Quantization, libraries: dict[str, str]
) -> str:
    """Return the card in Markdown; the same model gives the same text.

    Args:
        shape: the model's sizes.
        training: what it was trained on and how.
        validation: metrics of the float network on the validation days, by name.
        scheme: the scoring scheme and what it loses.
        libraries: versions that made it.
    """
    parts = [
        "# Model card",
        f"A GRU for session-based next-item recommendation: {_size(shape)}.",
        "## Intended use",
        USE,
        "## Training data",
        _table(
            [
                ("sessions", f"{training.sessions:,}"),
                ("events", f"{training.events:,}"),
                ("items", f"{shape.items:,}"),
                ("period", _period(training.first, training.last)),
                ("SHA-256", f"`{training.data_sha256}`"),
            ]
        ),
        "## Quality",
        MEASURED,
        _table((name.upper(), f"{value:.4f}") for name, value in sorted(validation.items())),
        "## Scoring scheme",
        "What the scheme loses against the float network, on sessions of the last days that it was not calibrated on.",
        _table(
            [
                ("scheme", f"{scheme.scheme}, {scheme.bits} bits, {'pinned' if scheme.pinned else 'chosen by cost'}"),
                ("targets", f"{scheme.targets:,}"),
                ("top-20 overlap", f"{scheme.overlap:.4f} (at least {scheme.bounds.overlap} was demanded)"),
                ("HR@20", f"{scheme.hr_delta:+.4f} (at most -{scheme.bounds.hr_delta} was allowed)"),
            ]
        ),
        "## Limits",
        LIMITS,
        "## How it was made",
        _table(
            [
                ("seed", str(training.seed)),
                ("epochs of the final network", str(training.epochs)),
                *((name, str(value)) for name, value in sorted(training.hyperparameters.items())),
                *((f"library {name}", version) for name, version in sorted(libraries.items())),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _size(shape: ModelShape) -> str:
    layers = "1 layer" if shape.layers == 1 else f"{shape.layers} layers"
    return f"{shape.items:,} items, hidden size {shape.hidden}, {layers}"


def _period(first: float, last: float) -> str:
    if last < FIRST_EPOCH_SECOND:
        return f"index {first:g} to {last:g} (times are only an order)"
    return " to ".join(datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC") for time in (first, last))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])

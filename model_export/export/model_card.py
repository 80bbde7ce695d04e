"""Write the model card, which describes a version to people.

The card holds what the manifest also holds. It does not name the version, because the version is a digest of it.
"""

from collections.abc import Iterable

from model_export.data.sessions import FIRST_EPOCH_SECOND, format_time
from nextitem.model.attribute_quality import AttributeQuality
from nextitem.model.manifest import ModelShape, Quantization, Training

USE = """\
Ranks the items of its catalogue by how likely each is the next one in a visitor's session, given the items viewed so
far. Made to show a few recommendations beside a page; it makes no decisions about people."""

MEASURED = """\
The float network on the last days of the training data, before it was trained on them. The final network is trained on
all days. `nextitem evaluate` measures the artifact itself, on later days."""

LIMITS = """\
- It learned from what visitors did, which depends on what they were shown. It does not know what they would have liked
  better.
- Popularity and seasons change: the older the training period, the less reliable the metrics above are.
- Scores compare items within one answer. They are not probabilities, and differ between versions.
- It does not know prices, stock, age limits or wishes; filter by those in the request."""

NO_MAP = """\
It has no attribute map: it never recommends items that are not in its training data, and ignores events on them."""

MAP = """\
Its attribute map places items that are not in its training data by their attributes. It was measured on items that were
held out as if they were new, in held-out sessions. The best sellers are those of the whole period, which no shop knows
of new items."""


def card(
    shape: ModelShape,
    training: Training,
    validation: dict[str, float],
    scheme: Quantization,
    libraries: dict[str, str],
    attributes: AttributeQuality | None = None,
) -> str:
    """Return the card in Markdown; the same model gives the same text.

    Args:
        shape: the model's sizes.
        training: what it was trained on and how.
        validation: metrics of the float network on the validation days, by name.
        scheme: the scoring scheme and its loss.
        libraries: versions of the libraries that trained and exported it.
        attributes: how well the attribute map places new items; None if there was none to learn.
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
        "The loss of the scheme against the float network, on sessions of the last days that did not calibrate it.",
        _table(
            [
                ("scheme", f"{scheme.scheme}, {scheme.bits} bits, {'pinned' if scheme.pinned else 'chosen by cost'}"),
                ("targets", f"{scheme.targets:,}"),
                ("top-20 overlap", f"{scheme.overlap:.4f} (at least {scheme.bounds.overlap} is required)"),
                ("HR@20", f"{scheme.hr_delta:+.4f} (a loss of {scheme.bounds.hr_delta} is allowed)"),
            ]
        ),
        "## New items",
        *_new_items(attributes),
        "## Limits",
        LIMITS,
        "## How it was made",
        _table(
            [
                ("seed", str(training.seed)),
                ("epochs of all networks", str(training.epochs)),
                *((name, str(value)) for name, value in sorted(training.hyperparameters.items())),
                *((f"library {name}", version) for name, version in sorted(libraries.items())),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _new_items(attributes: AttributeQuality | None) -> list[str]:
    if attributes is None:
        return [NO_MAP]
    if attributes.refused:
        return [NO_MAP, f"One was refused: {attributes.refused}."]
    category = f"the newest item's {attributes.category}" if attributes.category else "the whole shop"
    return [
        MAP,
        _table(
            [
                ("attributes", ", ".join(attributes.columns)),
                ("items", f"{attributes.items:,}, of which {attributes.held_out:,} were held out"),
                ("targets that were held out", f"{attributes.targets:,}"),
                ("HR@20 of held-out targets", f"{attributes.hr:.4f} in the whole catalogue"),
                ("HR@20 among held-out items", f"{attributes.hr_among_new:.4f}"),
                (f"... of the best sellers of {category}", f"{attributes.best_sellers_among_new:.4f}"),
                ("... of a random order", f"{attributes.random_among_new:.4f}"),
                (
                    "targets that were not",
                    f"{attributes.warm_targets:,}, HR@20 {attributes.warm_delta:+.4f} with them",
                ),
            ]
        ),
    ]


def _size(shape: ModelShape) -> str:
    layers = "1 layer" if shape.layers == 1 else f"{shape.layers} layers"
    return f"{shape.items:,} items, hidden size {shape.hidden}, {layers}"


def _period(first: float, last: float) -> str:
    if last < FIRST_EPOCH_SECOND:
        return f"index {first:g} to {last:g} (times are only an order)"
    return " to ".join(format_time(time, "%Y-%m-%d %H:%M UTC") for time in (first, last))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])

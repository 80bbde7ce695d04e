"""Say where the items of events are not those of a model, with ids of both sides."""

from collections.abc import Iterator

import numpy as np

from model_export.data.ingestion.figures import unknown_items
from model_export.data.sessions import Sessions
from nextitem.ids import id_examples
from nextitem.model.vocabulary import Vocabulary

MISSES = "are misses"
"""The effect of an unknown item where versions are compared on the same targets."""

Unknown = dict[str, int]
"""Number of events of each item that a model does not have, by the item's id."""


def unknown_in(test: Sessions, vocabulary: Vocabulary) -> Unknown:
    """Return the items of events that a model does not have."""
    counts = np.bincount(test.codes, minlength=len(test.catalogue)).tolist()
    return {
        item: count
        for item, count in zip(test.catalogue, counts, strict=True)
        if count and vocabulary.index(item) is None
    }


def unlike_ids(unknown: Unknown, vocabulary: Vocabulary) -> str:
    """Return a sentence that shows unknown items of events beside items of the model."""
    known = map(vocabulary.item_id, range(len(vocabulary)))
    return id_examples("the unknown items", unknown, "the model", known)


def unlike_items(test: Sessions, version: str, vocabulary: Vocabulary, effect: str) -> Iterator[str]:
    """Yield a sentence if the model does not have the item of many of the events.

    Args:
        test: the events.
        version: of the model.
        vocabulary: the items of the model.
        effect: of an unknown item, as the end of a sentence about them.
    """
    unknown = unknown_in(test, vocabulary)
    yield from unknown_items(len(test.codes), sum(unknown.values()), version, effect, unlike_ids(unknown, vocabulary))

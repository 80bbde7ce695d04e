"""The part of a manifest about the attribute map, which places items that the version was not trained on."""

import msgspec


class AttributeQuality(msgspec.Struct, frozen=True, omit_defaults=True):
    """How well the attribute map places items: measured on items that it was not learned from, as if they were new.

    All hit rates are of targets among these items, HR@20.

    Attributes:
        refused: why the artifact has no map; empty if it has one.
        columns: the attributes that the map looks at.
        items: the number of items with attributes.
        held_out: how many of them were held out for the measurement.
        targets: the number of targets among the held-out items.
        hr: in answers from the whole catalogue.
        hr_among_new: in answers from the held-out items alone.
        best_sellers_among_new: the same for the most frequent of them in the category of the session's newest item.
        random_among_new: the same for a random order.
        category: the column of the category; empty if the attributes have none, and the whole shop is one.
        warm_delta: HR@20 of all other targets, with the held-out items in the list minus without them there.
        warm_targets: the number of these targets.
        penalty: the penalty of the regression.
        length: the length of the rows that the map makes, as a share of the table's mean.
    """

    refused: str = ""
    columns: tuple[str, ...] = ()
    items: int = 0
    held_out: int = 0
    targets: int = 0
    hr: float = 0.0
    hr_among_new: float = 0.0
    best_sellers_among_new: float = 0.0
    random_among_new: float = 0.0
    category: str = ""
    warm_delta: float = 0.0
    warm_targets: int = 0
    penalty: float = 0.0
    length: float = 0.0

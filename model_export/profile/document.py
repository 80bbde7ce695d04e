"""The document `profile.json` of an artifact: bounded, written at export, read when drift is measured."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from model_export.profile.habits import HOURS, LENGTHS, Counts, Habits
from nextitem.errors import ArtifactCorrupt
from nextitem.model.manifest import DECODE_ERRORS, PROFILE

PROFILE_SCHEMA = 1
MAX_ITEMS = 2_000
"""Items with a count of their own, the most frequent ones."""
MAX_CATEGORIES = 200
QUANTILES = 20
"""Parts into which the quantiles cut the distribution of top scores."""


class Validation(msgspec.Struct, frozen=True):
    """How the model answered the held-out sessions.

    Attributes:
        targets: next items that the ratio of the two hit rates was measured on.
        hit_rate: HR@20 on the validation days, before the model was trained on them.
        hit_rate_new: the same for answers without the session's own items: each return to one is a miss, as online.
        unknown: share of the events of the validation days whose item the days before did not have.
        scores: quantiles of the first recommendation's score after a session's last event, `QUANTILES` + 1 from the
            lowest to the highest; empty without a session.
    """

    targets: int
    hit_rate: float
    hit_rate_new: float
    unknown: float
    scores: tuple[float, ...]


class Categories(msgspec.Struct, frozen=True):
    """Events by category of their item.

    Attributes:
        column: the column of the catalogue.
        events: events by category, the most frequent first.
        others: events of other categories, and of items without one.
    """

    column: str
    events: dict[str, int]
    others: int


class Profile(msgspec.Struct, frozen=True):
    """What a version was trained on, as far as drift is measured from it.

    Attributes:
        sessions: sessions of two or more events.
        events: their events, without repeats.
        items: events by item, the most frequent items first.
        other_items: events of all other items.
        types: events by type.
        lengths: sessions by their number of events, in the bins of `profile.habits.LENGTHS`.
        hours: events by hour of the day in UTC; empty if the training times were only an order.
        validation: see `Validation`.
        categories: None if the export was given no attributes of items, or none of a category.
    """

    sessions: int
    events: int
    items: dict[str, int]
    other_items: int
    types: dict[str, int]
    lengths: tuple[int, ...]
    hours: tuple[int, ...]
    validation: Validation
    categories: Categories | None = None
    schema: int = PROFILE_SCHEMA


def profile_of(
    habits: Habits,
    item_ids: Sequence[str],
    types: Sequence[str],
    validation: Validation,
    categories: Categories | None = None,
) -> Profile:
    """Return the profile of a training.

    Args:
        habits: of the training's sessions.
        item_ids: the catalogue of `habits.items`.
        types: names of `habits.types`.
        validation: see `Validation`.
        categories: see `Categories`.
    """
    items = most_frequent(item_ids, habits.items, MAX_ITEMS)
    events = int(habits.items.sum())
    return Profile(
        sessions=int(habits.lengths.sum()),
        events=events,
        items=items,
        other_items=events - sum(items.values()),
        types=most_frequent(types, habits.types, len(types)),
        lengths=tuple(habits.lengths.tolist()),
        hours=tuple(habits.hours.tolist()),
        validation=validation,
        categories=categories,
    )


def most_frequent(names: Sequence[str], counts: Counts, limit: int) -> dict[str, int]:
    """Return the counts of the most frequent names that occur, the highest first."""
    best = np.argsort(-counts, kind="stable")[:limit]
    return {names[index]: int(counts[index]) for index in best.tolist() if counts[index]}


def encode_profile(profile: Profile) -> bytes:
    """Return the document; items stay in the order of their frequency."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=1)


def decode_profile(data: bytes, version: str) -> Profile:
    """Return the profile of a version.

    Raises:
        ArtifactCorrupt: it is none, or of another schema.
    """
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{PROFILE} of {version} is not a profile: {error}") from None
    if profile.schema != PROFILE_SCHEMA or len(profile.lengths) != len(LENGTHS) or len(profile.hours) not in {0, HOURS}:
        raise ArtifactCorrupt(f"{PROFILE} of {version} is of another version of nextitem: export the run again")
    return profile


def read_profile(path: Path, version: str) -> Profile:
    """Return the profile in a file.

    Raises:
        ArtifactCorrupt: see `decode_profile`.
    """
    return decode_profile(path.read_bytes(), version)

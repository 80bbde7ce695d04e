"""Describe items by numbers that a linear map can learn from: hashed texts, and numbers as places between quantiles.

A text counts as a whole, by its words, its pairs of words and the runs of letters in them. Each of these is hashed into
one of `SIZE` features, so that a new item may have texts that no item had before. Each column weighs the same.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.columns import BooleanColumn, Column, NumberColumn, TextColumn
from nextitem.catalogue.file import Catalogue

SIZE = 1 << 12
"""The number of features. A map of hidden size 128 then takes 2 MB, and a fit seconds."""
KNOTS = 8
"""Quantiles between which numbers are placed."""
LETTERS = (3, 4)
"""Lengths of the runs of letters in a word."""
VOLATILE = frozenset({"available", "stock"})
"""Columns that say how many pieces there are, not what an item is."""
_WORD = re.compile(r"[^\W_]+")
_LONGEST_TEXT = 500
"""Letters of a text that count: a description's first sentences say what an item is."""

Floats = NDArray[np.float32]


class Place(msgspec.Struct, frozen=True):
    """A column that items are described by.

    Attributes:
        name: the column's name.
        kind: the kind that it had when the map was learned; of another kind, it counts as missing.
        knots: of a number or time, the values between which others are placed, ascending.
    """

    name: str
    kind: str
    knots: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Features:
    """Features of items: item i has the features `columns[starts[i]:starts[i + 1]]`, each with its value."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, items: NDArray[np.int64]) -> "Features":
        """Return the features of some items, in their order."""
        lengths = np.diff(self.starts)[items]
        starts = np.append(0, np.cumsum(lengths))
        slots = np.repeat(self.starts[:-1][items] - starts[:-1], lengths) + np.arange(starts[-1])
        return Features(starts, self.columns[slots], self.values[slots])

    def dense(self, first: int, last: int) -> Floats:
        """Return the features of some items, float32[last - first, SIZE]."""
        begin, end = self.starts[first], self.starts[last]
        rows = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
        matrix = np.zeros((last - first, SIZE), np.float32)
        np.add.at(matrix, (rows, self.columns[begin:end]), self.values[begin:end])
        return matrix


def places_of(catalogue: Catalogue, positions: NDArray[np.int32]) -> tuple[Place, ...]:
    """Return the columns of a catalogue that describe items, with the quantiles of some items."""
    places = []
    for name, column in catalogue.columns.items():
        if name in VOLATILE:
            continue
        knots: tuple[float, ...] = ()
        if isinstance(column, NumberColumn):
            present = column.values[positions]
            present = present[~np.isnan(present)]
            if not len(present):
                continue
            knots = tuple(np.unique(np.quantile(present, np.linspace(0, 1, KNOTS))).tolist())
        places.append(Place(name, column.kind, knots))
    return tuple(places)


def features_of(
    catalogue: Catalogue, positions: NDArray[np.int32], places: tuple[Place, ...], rarity: Floats | None = None
) -> Features:
    """Describe some items of a catalogue.

    Args:
        catalogue: the catalogue.
        positions: the positions of the items.
        places: the columns that count.
        rarity: float32[SIZE], the weight of each feature; None for 1.
    """
    starts, columns, values = [0], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    described = [(place, catalogue.columns.get(place.name)) for place in places]
    texts: dict[tuple[str, int], NDArray[np.int32]] = {}
    for position in positions.tolist():
        count = 0
        for place, column in described:
            if column is None or column.kind != place.kind:
                continue
            numbers, weights = _of_column(place, column, position, texts)
            if rarity is not None:
                weights = weights * rarity[numbers]
            length = float(np.sqrt(np.square(weights).sum()))
            if length:
                columns.append(numbers)
                values.append(weights / length)
                count += len(numbers)
        starts.append(starts[-1] + count)
    return Features(np.array(starts, np.int64), np.concatenate(columns), np.concatenate(values).astype(np.float32))


def rarity_of(features: Features) -> Floats:
    """Return the weight of each feature: the fewer items have it, the more it says, float32[SIZE]."""
    items = len(features)
    owners = np.repeat(np.arange(items), np.diff(features.starts))
    pairs = np.unique(owners * SIZE + features.columns)
    counts = np.bincount(pairs % SIZE, minlength=SIZE)
    return np.log1p(items / np.maximum(counts, 1)).astype(np.float32)


def _of_column(
    place: Place, column: Column, position: int, texts: dict[tuple[str, int], NDArray[np.int32]]
) -> tuple[NDArray[np.int32], Floats]:
    """Return the features of an item in one column, and their values."""
    match column:
        case TextColumn():
            found = []
            for code in column.codes_at(position).tolist():
                key = place.name, code
                if key not in texts:
                    hashed = sorted({_hashed(place.name, text) for text in _parts(column.values[code])})
                    texts[key] = np.array(hashed, np.int32)
                found.append(texts[key])
            numbers = np.concatenate(found) if found else np.empty(0, np.int32)
            return numbers, np.ones(len(numbers), np.float32)
        case BooleanColumn():
            value = int(column.values[position])
            numbers = np.array([_hashed(place.name, str(value))] if value >= 0 else [], np.int32)
            return numbers, np.ones(len(numbers), np.float32)
        case NumberColumn():
            return _between(place, float(column.values[position]))
    return np.empty(0, np.int32), np.empty(0, np.float32)


def _between(place: Place, value: float) -> tuple[NDArray[np.int32], Floats]:
    """Return the two quantiles around a number, the nearer one with the larger value."""
    if np.isnan(value):
        return np.empty(0, np.int32), np.empty(0, np.float32)
    at = float(np.interp(value, place.knots, np.arange(len(place.knots))))
    below = min(int(at), max(len(place.knots) - 2, 0))
    part = at - below
    numbers = np.array([_hashed(place.name, f"#{knot}") for knot in (below, below + 1)], np.int32)
    return numbers, np.array([1 - part, part], np.float32)


def _parts(text: str) -> Iterator[str]:
    """Yield what counts of a text: the whole, words, pairs of words, and runs of letters."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_TEXT]).casefold()
    words = _WORD.findall(plain)
    yield f"={plain}"
    for word in words:
        yield f"w{word}"
        marked = f"<{word}>"
        for length in LETTERS:
            for at in range(len(marked) - length + 1):
                yield f"l{marked[at : at + length]}"
    for first, second in pairwise(words):
        yield f"p{first} {second}"


def _hashed(column: str, part: str) -> int:
    return crc32(f"{column}\0{part}".encode(errors="surrogatepass")) % SIZE

"""What a scoring scheme is: a small config, and one verb that stores its tensors and tells how to find candidates.

Knows no particular scheme.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.rows import Rows

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Wanted:
    """How much an answer asks for, as values of a score graph.

    Attributes:
        k: int64[1], items to answer.
        barred: int64[1], items that may turn out to be excluded.
        unavailable: bool[items], true for items that must not be candidates; or of no length, for none.
    """

    k: str
    barred: str
    unavailable: str


@dataclass(frozen=True)
class Candidates:
    """Where the answer is looked for, as values of a score graph.

    Attributes:
        items: int64[n] item indices, -1 for none. Of equal scores, the lower index comes first.
        scores: float32[n]; None where they are only candidates, to be scored from their rows.
    """

    items: str
    scores: str | None


@dataclass(frozen=True)
class Prepared:
    """A scheme whose tensors are in the weights file.

    Attributes:
        rows: the table as its rows are read: by the step graph, by rescoring and by an `only` list.
        candidates: builds the part of the score graph from the state, float32[1, hidden], to candidates. With `Wanted`
            met: at least `k` of them are neither excluded nor unavailable nor -1, where the catalogue has as many.
        traffic: bytes of memory that one request with k = 20 reads and writes, about.
        rescored: candidates that such a request scores from their rows.
        bits: bits of a weight in the pass over the catalogue.
        block: weights of a row that share a scale; the items, where all rows share the scales.
    """

    rows: Rows
    candidates: Callable[[GraphBuilder, str, Wanted], Candidates]
    traffic: int
    rescored: int
    bits: int
    block: int


class Scheme(Protocol):
    """A way to find the best items of a catalogue."""

    @property
    def name(self) -> str:
        """The name it is pinned by."""
        ...

    def refusal(self, items: int, hidden: int, /) -> str:
        """Say why the scheme is out of place for a catalogue of that size; nothing where it is not."""
        ...

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats, /) -> Prepared:
        """Store the scheme's tensors.

        Args:
            weights: where to.
            table: float32[items, hidden], possibly mapped and larger than memory: to be read in chunks.
            states: float32[n, hidden], states as they are scored, to calibrate by.
        """
        ...

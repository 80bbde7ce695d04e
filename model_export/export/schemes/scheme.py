"""The contract of a scoring scheme: a small config that stores its tensors and builds the search for candidates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.rows import Rows


@dataclass(frozen=True)
class Query:
    """The parameters of a request, as values of a score graph.

    Attributes:
        k: int64[1], number of items to answer.
        excluded: int64[1], number of candidates that may turn out to be excluded.
        unavailable: bool[items], true for items that must not be candidates; without length if all are available.
    """

    k: Value
    excluded: Value
    unavailable: Value


@dataclass(frozen=True)
class Candidates:
    """Items among which the answer is, as values of a score graph.

    Attributes:
        items: int64[n] item indices, -1 for none. Of equal scores, the lower index comes first.
        scores: float32[n]; None if they must be scored from their rows.
    """

    items: Value
    scores: Value | None


@dataclass(frozen=True)
class PreparedScheme:
    """A scheme whose tensors are in the weights file.

    Attributes:
        rows: the table as its rows are read: by the step graph, by rescoring and by an `only` list.
        candidates: builds the part of the score graph from the state, float32[1, hidden], to candidates. At least
            `Query.k` of them are neither excluded nor unavailable nor -1, if the catalogue has that many.
        traffic: approximate bytes of memory that one request with k = 20 reads and writes.
        rescored: candidates that such a request scores from their rows.
        bits: bits of a weight in the pass over the catalogue.
        block: weights of a row that share a scale; the number of items if all rows share the scales.
    """

    rows: Rows
    candidates: Callable[[GraphBuilder, Value, Query], Candidates]
    traffic: int
    rescored: int
    bits: int
    block: int


class Scheme(Protocol):
    """A way to find the best items of a catalogue."""

    @property
    def name(self) -> str:
        """The name for `nextitem export --scheme`."""
        ...

    def refusal(self, items: int, hidden: int, /) -> str:
        """Return why the scheme does not suit a catalogue of that size; empty if it does."""
        ...

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats, /) -> PreparedScheme:
        """Store the scheme's tensors.

        Args:
            weights: the artifact's weights file.
            table: float32[items, hidden]. It may be mapped and larger than memory, so it is read in chunks.
            states: float32[n, hidden], states as they are scored, to calibrate with.
        """
        ...

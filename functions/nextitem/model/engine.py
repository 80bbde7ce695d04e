"""Run a model version in ONNX Runtime: step hidden states, rank the catalogue, check the certificate."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.errors import ArtifactCorrupt, ArtifactError
from nextitem.hidden_state import HiddenState
from nextitem.model.artifact import Artifact
from nextitem.model.certificate import Certificate
from nextitem.model.manifest import VOCABULARY
from nextitem.model.onnx_graphs import ModelGraphs, open_graphs
from nextitem.model.vocabulary import Vocabulary

START_CHECKS = 2
"""Golden sessions that a cold start checks, which also warms the kernels up. All 32 would take 13 to 16 ms of CPU for
the demo model instead of 2.5 (docs/guarantees.md), so they are checked wherever no request waits: before a version is
promoted or rolled back to, before a deployment takes traffic, and when a running process loads a model."""


class RankedItem(msgspec.Struct, frozen=True):
    """An item and its score: the logarithm of the probability that it is the next one (`manifest.Calibration`)."""

    index: int
    score: float


Mask = NDArray[np.bool_]
"""Items that must not be returned, as the score graph takes them: bool[items, also new ones], or bool[0] for none."""
NOTHING: Mask = np.empty(0, np.bool_)

Indices = NDArray[np.int64]
NewRows = NDArray[np.float32]
"""float32[n, hidden size], the rows of items that a model version does not have. Their indices follow those of its own
items. They are on the scale of the item table's rows: of unit length where scores are cosines."""

_Visitor = tuple[HiddenState, Sequence[int]]
_Listed = Sequence[int] | Indices


class Model:
    """One model version, ready to serve. Threads may share it: it holds no session's state.

    Example:
        >>> model = Model(open_artifact(folder))
        >>> hidden = model.replay(None, model.vocabulary.indices(["tea", "pot"]))
        >>> [model.vocabulary.item_id(item.index) for item in model.top(hidden, exclude=(), k=20)]
    """

    def __init__(self, artifact: Artifact, graphs: ModelGraphs | None = None, *, goldens: int | None = None) -> None:
        """Open a verified artifact and check its golden sessions.

        Args:
            artifact: the model version.
            graphs: its graphs, if they are open already.
            goldens: how many golden sessions to check; None for all.

        Raises:
            ArtifactCorrupt: the files contradict each other, or the engine's answers differ from those at export.
        """
        self.version = artifact.version
        self.manifest = artifact.manifest
        try:
            self._open(artifact, graphs)
            self.check(self.certificate, goldens)
        except ArtifactError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no other common base
            raise ArtifactCorrupt(f"{self.version} cannot be used: {type(error).__name__}: {error}") from error

    def _open(self, artifact: Artifact, graphs: ModelGraphs | None) -> None:
        self.vocabulary = Vocabulary(artifact.path(VOCABULARY))
        shape = artifact.manifest.model
        if len(self.vocabulary) != shape.items:
            ids = len(self.vocabulary)
            raise ArtifactCorrupt(
                f"{self.version}: its vocabulary has {ids} ids, its manifest {shape.items} items; export it again"
            )
        if not all(0 <= item.index < shape.items for item in artifact.manifest.popular):
            raise ArtifactCorrupt(f"{self.version}: its manifest names a popular item that the catalogue does not have")
        self._shape = (shape.layers, 1, shape.hidden)
        self._no_rows: NewRows = np.empty((0, shape.hidden), np.float32)
        self._step, self._score = graphs or open_graphs(artifact)
        for graph in (self._step, self._score):
            if [tensor.shape for tensor in graph.get_inputs() if tensor.name == "hidden"] != [[*self._shape]]:
                raise ArtifactCorrupt(f"{self.version}: a graph's hidden state is not float32{[*self._shape]}")
        self._types = {name: code for code, name in enumerate(artifact.manifest.types)}
        if any(tensor.name == "types" for tensor in self._step.get_inputs()) != bool(self._types):
            raise ArtifactCorrupt(f"{self.version}: its step graph and its manifest disagree on types of events")
        self.has_memory = any(tensor.name == "session" for tensor in self._score.get_inputs())
        """True if the version has a session memory, which needs the session's items."""
        # Read now: another process of this environment may remove the folder after the route has changed.
        self.certificate = artifact.certificate()

    def type_codes(self, types: Iterable[str]) -> list[int]:
        """Return types of events as `replay` takes them; an unknown type counts as a view."""
        return [self._types.get(name, 0) for name in types]

    def replay(
        self,
        hidden: HiddenState | None,
        items: Sequence[int],
        new_rows: NewRows | None = None,
        types: Sequence[int] | None = None,
    ) -> HiddenState:
        """Step a hidden state through events.

        Args:
            hidden: where to start, [layers * hidden size]; None, or a state of another size, is the zero state.
            items: item indices, oldest first; none leaves the state as it is.
            new_rows: the rows of new items, which `items` may then name.
            types: the type of each event, from `type_codes`; None if all are views.

        Returns:
            The hidden state after the last event, [layers * hidden size].
        """
        if hidden is None or hidden.size != math.prod(self._shape):
            hidden = np.zeros(math.prod(self._shape), np.float32)
        if not items:  # ONNX Runtime ends the process on a GRU of no steps
            return hidden
        feeds = {
            "items": np.asarray(items, np.int64),
            "hidden": hidden.reshape(self._shape),
            "new_rows": self._no_rows if new_rows is None else new_rows,
        }
        if self._types:
            feeds["types"] = np.zeros(len(items), np.int64) if types is None else np.asarray(types, np.int64)
        (after,) = self._step.run(None, feeds)
        return np.asarray(after, np.float32).reshape(-1)

    def top(
        self,
        hidden: HiddenState,
        exclude: Sequence[int],
        k: int,
        session: Sequence[int] = (),
        unavailable: Mask = NOTHING,
        new_rows: NewRows | None = None,
    ) -> list[RankedItem]:
        """Rank the catalogue and return the best items.

        Args:
            hidden: the hidden state, [layers * hidden size].
            exclude: item indices that must not be returned; repeats are allowed.
            k: how many, 1 to `MAX_TOP`; fewer are returned if the catalogue has no more.
            session: the item indices that led to the hidden state, oldest first, for a version with a memory.
            unavailable: further items that must not be returned, for more of them than `exclude` is made for.
            new_rows: the rows of new items, which are ranked with all others and which the lists may name.

        Returns:
            Items by descending score; of equal scores the lower index comes first.
        """
        return self._rank((hidden, session), (), exclude, k, unavailable, new_rows)

    def rank(
        self,
        hidden: HiddenState,
        only: Sequence[int] | Indices,
        exclude: Sequence[int],
        k: int,
        session: Sequence[int] = (),
        unavailable: Mask = NOTHING,
        new_rows: NewRows | None = None,
    ) -> list[RankedItem]:
        """Rank some items of the catalogue, each by its exact score.

        Args:
            hidden: the hidden state, [layers * hidden size].
            only: the item indices to rank; repeats are allowed, none returns none.
            exclude: see `top`.
            k: see `top`.
            session: see `top`.
            unavailable: see `top`.
            new_rows: see `top`.

        Returns:
            See `top`.
        """
        listed = np.asarray(only, np.int64)
        if not len(listed):
            return []
        if not (listed[1:] > listed[:-1]).all():  # the graph's order of equal scores is that of the list
            listed = np.unique(listed)
        return self._rank((hidden, session), listed, exclude, k, unavailable, new_rows)

    def _rank(
        self, visitor: _Visitor, only: _Listed, exclude: Sequence[int], k: int, unavailable: Mask, new: NewRows | None
    ) -> list[RankedItem]:
        feeds = self._feeds(visitor, only, exclude, k, unavailable, new)
        scores, items = self._score.run(("scores", "items"), feeds)
        return [
            RankedItem(item, score)
            for item, score in zip(items.tolist(), scores.tolist(), strict=True)
            if score != -math.inf  # not an item: an excluded one or padding, because k left no others
        ]

    def _feeds(
        self, visitor: _Visitor, only: _Listed, exclude: Sequence[int], k: int, unavailable: Mask, new: NewRows | None
    ) -> dict[str, NDArray[Any]]:
        hidden, session = visitor
        new_rows = self._no_rows if new is None else new
        feeds: dict[str, NDArray[Any]] = {
            "hidden": hidden.reshape(self._shape),
            "only": np.asarray(only, np.int64),
            "exclude": np.asarray(exclude, np.int64),
            "unavailable": unavailable,
            "k": np.array([min(k, len(self.vocabulary) + len(new_rows))], np.int64),
            "new_rows": new_rows,
        }
        if self.has_memory:
            feeds["session"] = np.asarray(session, np.int64)
        return feeds

    def rows(self, items: Sequence[int], new_rows: NewRows | None = None) -> NewRows:
        """Return the rows of some items as they are scored, float32[items, hidden size].

        Args:
            items: item indices; repeats are allowed.
            new_rows: the rows of new items, which `items` may then name.
        """
        if not len(items):
            return self._no_rows
        zero = np.zeros(self._shape, np.float32)
        (scored,) = self._score.run(("item_rows",), self._feeds((zero, ()), items, (), 1, NOTHING, new_rows))
        rows = np.array(scored[: len(items)], np.float32)
        if new_rows is not None and len(new_rows):
            listed, known = np.asarray(items, np.int64), len(self.vocabulary)
            rows[listed >= known] = new_rows[listed[listed >= known] - known]
        return rows

    def popular(
        self, exclude: Sequence[int], k: int, only: Sequence[int] | None = None, unavailable: Mask = NOTHING
    ) -> list[RankedItem]:
        """Return the most popular items of the training data with their share of its events, then other items with 0.

        Args:
            exclude: see `top`.
            k: see `top`.
            only: rank these items instead; those that are not popular come last, in their order, with score 0.
            unavailable: see `top`.
        """
        left_out = set(exclude)
        best = [RankedItem(item.index, item.share) for item in self.manifest.popular]
        if only is not None:
            shares = {item.index: item.score for item in best}
            listed = [RankedItem(index, shares.get(index, 0.0)) for index in dict.fromkeys(only)]
            best = sorted(listed, key=lambda item: -item.score)
        if unavailable.size:
            best = [item for item in best if not unavailable[item.index]]
        eligible = [item for item in best if item.index not in left_out][:k]
        if only is None and len(eligible) < k:  # the manifest names only the most frequent items
            left_out |= {item.index for item in best}
            items = self.manifest.model.items
            others = np.flatnonzero(~unavailable[:items]) if unavailable.size else range(items)
            rest = (RankedItem(int(index), 0.0) for index in others if index not in left_out)
            eligible += itertools.islice(rest, k - len(eligible))
        return eligible

    def check(self, certificate: Certificate, sessions: int | None = None) -> None:
        """Rank for golden sessions and compare with the certificate.

        Args:
            certificate: the engine's answers at export.
            sessions: how many of its sessions to check; None for all.

        Raises:
            ArtifactCorrupt: the answers differ by more than the certificate allows.
        """
        matches = total = 0
        for golden in certificate.sessions[:sessions]:
            session = self.vocabulary.indices(golden.items)
            if len(session) < len(golden.items):
                raise ArtifactCorrupt(f"{self.version}: a golden session has an item that the catalogue does not have")
            visitor = self.replay(None, session, types=self.type_codes(golden.types) or None), session
            ranked = self._rank(visitor, (), (), len(golden.top), NOTHING, None)
            scores = {self.vocabulary.item_id(item.index): item.score for item in ranked}
            matches += len(scores.keys() & set(golden.top))
            total += len(golden.top)
            # Of the engine's scores: a huge score of a golden item that is not recommended must not allow any score.
            allowed = certificate.score_tolerance * max(map(abs, scores.values()), default=0.0)
            for place, (item_id, score) in enumerate(zip(golden.top, golden.scores, strict=True), start=1):
                if not abs(scores.get(item_id, score) - score) <= allowed:  # written so that NaN fails
                    raise ArtifactCorrupt(  # the place, not the id: this may go to a log, where no item id may go
                        f"{self.version} scores golden item {place} {scores[item_id]:.4f}, "
                        f"its certificate says {score:.4f}"
                    )
        if not total or matches < certificate.overlap * total:
            raise ArtifactCorrupt(
                f"{self.version} recommends {matches} of {total} golden items; "
                f"its certificate demands {certificate.overlap:.0%}"
            )

"""The model at work in ONNX Runtime: step a hidden state, score the catalogue, answer the certificate.

What the graphs take and give is in `graphs`. Knows no store.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.errors import ArtifactCorrupt
from nextitem.hidden_state import HiddenState
from nextitem.model.artifact import Artifact
from nextitem.model.manifest import VOCABULARY, Certificate
from nextitem.model.onnx_graphs import ModelGraphs, open_graphs
from nextitem.model.vocabulary import Vocabulary

START_CHECKS = 2
"""Golden sessions answered when a model is opened, which also warms the kernels up: 2 ms of a cold start each. All of
them are answered before a version is promoted, and by a deployment's check."""


class Ranked(msgspec.Struct, frozen=True):
    """An item and its score: a logit, comparable within one answer of one model version only."""

    index: int
    score: float


class _Bars(msgspec.Struct, frozen=True):
    """Unavailable items, and how the score graph hears of them: as excluded ones, or by a mask, bool[items or 0]."""

    items: frozenset[int]
    excluded: NDArray[np.int64]
    mask: NDArray[np.bool_]


_NONE_BARRED = _Bars(frozenset(), np.empty(0, np.int64), np.empty(0, np.bool_))


class Model:
    """One model version, ready to serve. Safe to share between threads: it holds no session's state."""

    def __init__(self, artifact: Artifact, graphs: ModelGraphs | None = None) -> None:
        """Open a verified artifact and check its first golden sessions.

        Args:
            artifact: the model version.
            graphs: its graphs, where they are open already.

        Raises:
            ArtifactCorrupt: a graph cannot be opened, or the engine answers otherwise than at export.
        """
        self.version = artifact.version
        self.manifest = artifact.manifest
        self.vocabulary = Vocabulary(artifact.path(VOCABULARY))
        shape = artifact.manifest.model
        if len(self.vocabulary) != shape.items:
            raise ArtifactCorrupt(f"{self.version}: {len(self.vocabulary)} ids for {shape.items} items")
        self._shape = (shape.layers, 1, shape.hidden)
        self._step, self._score = graphs or open_graphs(artifact)
        # Versions of before there were such lists score every item, so that their lists are picked from all.
        inputs = {given.name for given in self._score.get_inputs()}
        self._ranks_lists = "only" in inputs
        self._takes_unavailable = "unavailable" in inputs  # otherwise they are excluded one by one
        self.recalls = "session" in inputs
        """Whether the version has a session memory, which is asked by a session's items."""
        self._bars = _NONE_BARRED
        # Kept, for another process of this environment may remove the folder once the route has moved on.
        self.certificate = artifact.certificate()
        self.check(self.certificate, START_CHECKS)

    def replay(self, hidden: HiddenState | None, items: Sequence[int]) -> HiddenState:
        """Step a hidden state through events.

        Args:
            hidden: where to start, [layers * hidden size]; None, or one of another size, is the zero state.
            items: item indices, oldest first; none leaves the state as it is.

        Returns:
            The hidden state after the last event, [layers * hidden size].
        """
        if hidden is None or hidden.size != math.prod(self._shape):
            hidden = np.zeros(math.prod(self._shape), np.float32)
        if not items:  # ONNX Runtime ends the process on a GRU of no steps
            return hidden
        feeds = {"items": np.asarray(items, np.int64), "hidden": hidden.reshape(self._shape)}
        (after,) = self._step.run(None, feeds)
        return np.asarray(after, np.float32).reshape(-1)

    def top(self, hidden: HiddenState, exclude: Sequence[int], k: int, session: Sequence[int] = ()) -> list[Ranked]:
        """Rank the catalogue and return its best.

        Args:
            hidden: the hidden state, [layers * hidden size].
            exclude: item indices that must not be answered; repeats are allowed.
            k: how many, 1 to `MAX_TOP`; fewer come back where the catalogue has no more.
            session: the item indices that led to the hidden state, oldest first, for a version that recalls.

        Returns:
            Items by descending score; of equal scores the lower index comes first.
        """
        return self._ranked((hidden, session), (), exclude, k, self._bars)

    def rank(
        self, hidden: HiddenState, only: Sequence[int], exclude: Sequence[int], k: int, session: Sequence[int] = ()
    ) -> list[Ranked]:
        """Rank some items of the catalogue, each by its exact score.

        Args:
            hidden: the hidden state, [layers * hidden size].
            only: the item indices to rank; repeats are allowed, none answers none.
            exclude: see `top`.
            k: see `top`.
            session: see `top`.

        Returns:
            See `top`.
        """
        if not only:
            return []
        if not self._ranks_lists:
            listed = set(only)
            return [one for one in self.top(hidden, exclude, len(self.vocabulary), session) if one.index in listed][:k]
        return self._ranked((hidden, session), sorted(set(only)), exclude, k, self._bars)

    def set_unavailable(self, item_ids: Iterable[str]) -> None:
        """Answer these items no longer, and all others again; requests under way end as they began.

        Args:
            item_ids: ids; those that the catalogue does not have mean nothing.
        """
        found = frozenset(self.vocabulary.indices(item_ids))
        indices = np.array(sorted(found), np.int64)
        if not self._takes_unavailable:
            self._bars = _Bars(found, indices, _NONE_BARRED.mask)
            return
        mask = np.zeros(len(self.vocabulary) if found else 0, np.bool_)
        mask[indices] = True
        self._bars = _Bars(found, _NONE_BARRED.excluded, mask)

    def _ranked(
        self,
        asked: tuple[HiddenState, Sequence[int]],
        only: Sequence[int],
        exclude: Sequence[int],
        k: int,
        bars: "_Bars",
    ) -> list[Ranked]:
        feeds = {
            "hidden": asked[0].reshape(self._shape),
            "exclude": np.asarray((*exclude, *bars.excluded) if bars.excluded.size else exclude, np.int64),
            "k": np.array([min(k, len(self.vocabulary))], np.int64),
        }
        if self._takes_unavailable:
            feeds["unavailable"] = bars.mask
        if self._ranks_lists:
            feeds["only"] = np.asarray(only, np.int64)
        if self.recalls:
            feeds["session"] = np.asarray(asked[1], np.int64)
        scores, items = self._score.run(None, feeds)
        return [
            Ranked(item, score)
            for item, score in zip(items.tolist(), scores.tolist(), strict=True)
            if score != -math.inf  # no item: an excluded one or padding, where k left no others
        ]

    def popular(self, exclude: Sequence[int], k: int, only: Sequence[int] | None = None) -> list[Ranked]:
        """Return the best sellers of the training data, scored by their share of its events; after them others, with 0.

        Args:
            exclude: see `top`.
            k: see `top`.
            only: rank these instead; those that are no best sellers come last, in the order given, with 0.
        """
        barred = self._bars.items.union(exclude)
        best = [Ranked(item.index, item.share) for item in self.manifest.popular]
        if only is not None:
            shares = {one.index: one.score for one in best}
            listed = [Ranked(index, shares.get(index, 0.0)) for index in dict.fromkeys(only)]
            best = sorted(listed, key=lambda one: -one.score)
        eligible = [one for one in best if one.index not in barred][:k]
        if only is None and len(eligible) < k:  # the manifest names the most frequent alone
            barred |= {one.index for one in best}
            rest = (Ranked(index, 0.0) for index in range(self.manifest.model.items) if index not in barred)
            eligible += itertools.islice(rest, k - len(eligible))
        return eligible

    def check(self, certificate: Certificate, sessions: int | None = None) -> None:
        """Answer golden sessions and compare.

        Args:
            certificate: what the engine answered at export.
            sessions: how many of its sessions to answer; None for all.

        Raises:
            ArtifactCorrupt: the answers differ by more than the certificate allows.
        """
        goldens = certificate.sessions[:sessions]
        found = total = 0
        for golden in goldens:
            session = self.vocabulary.indices(golden.items)
            ranked = self._ranked((self.replay(None, session), session), (), (), len(golden.top), _NONE_BARRED)
            scores = {self.vocabulary.item_id(one.index): one.score for one in ranked}
            found += len(scores.keys() & set(golden.top))
            total += len(golden.top)
            allowed = certificate.score_tolerance * max(map(abs, golden.scores), default=0.0)
            for place, (item_id, score) in enumerate(zip(golden.top, golden.scores, strict=True), start=1):
                if not abs(scores.get(item_id, score) - score) <= allowed:  # so that no NaN passes
                    raise ArtifactCorrupt(  # named by its place: this may go to a log, where no item id may go
                        f"{self.version} scores golden item {place} {scores[item_id]:.4f}, "
                        f"its certificate says {score:.4f}"
                    )
        if not total or found < certificate.overlap * total:
            raise ArtifactCorrupt(
                f"{self.version} found {found} of {total} golden items again; "
                f"its certificate demands {certificate.overlap:.0%}"
            )

"""VMIS-kNN: what the most similar recent train sessions hold.

After Kersbergen, Sprangers and Schelter, "Serenade: Low-Latency Session-Based Recommendation in
e-Commerce at Scale" (SIGMOD 2022), in the details as the authors' implementation has it. It knows
nothing of files, metrics or serving.

For a session so far (its n newest events, at positions 0 .. n-1 from the newest; an item that
repeats stands at its newest position):

1. candidates are the m most recent train sessions that share an item with it;
2. similarity of a candidate = sum of (n - position) / distinct items, over the shared items;
3. neighbours are the k most similar candidates, the more recent first of equal ones;
4. score of an item = sum over the neighbours that hold it of
   similarity * (1 - 0.1 * (1 + position of the newest shared item)) * idf(item),
   with idf(item) = ln(train sessions / train sessions that hold the item);
5. the session's last item itself is not recommended: its score is 0.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.sessions import Sessions

RECENT_SESSIONS = 500
"""m: candidates per prediction, and entries per item of the inverted index (the paper's default)."""

NEIGHBOURS = 100
"""k: what the authors' parameter search finds best on their public sample."""

SESSION_EVENTS = 9
"""Newest events of the session that count; at the tenth the match weight would be 0."""

MATCH_DECAY = 0.1
"""How much weight a neighbour loses per step back to the newest item it shares."""


class VmisKnn:
    """Index of train sessions by item, newest first."""

    def __init__(self, train: Sessions, *, m: int = RECENT_SESSIONS, k: int = NEIGHBOURS) -> None:
        self._m = m
        self._k = k
        self._items = len(train.catalogue)
        lasts = train.times[train.offsets[1:] - 1]
        oldest_first = np.lexsort((np.arange(len(train)), lasts))
        recency = np.empty(len(train), dtype=np.int64)
        recency[oldest_first] = np.arange(len(train))
        # From here on a session is called by its recency: the higher, the newer.
        owners = np.repeat(recency, train.lengths)
        held = np.unique(owners * self._items + train.codes)
        sessions, items = held // self._items, held % self._items
        self._session_items = items
        self._session_starts = np.searchsorted(sessions, np.arange(len(train) + 1))
        by_item = np.lexsort((-sessions, items))
        self._item_sessions = sessions[by_item]
        self._item_starts = np.searchsorted(items[by_item], np.arange(self._items + 1))
        holders = np.maximum(np.diff(self._item_starts), 1)
        self._idf: NDArray[np.float64] = np.log(len(train) / holders.astype(np.float64))

    def scores(self, prefix: NDArray[np.int32]) -> NDArray[np.float64]:
        """float64[items]; 0 for items that no neighbour holds."""
        neighbours, weights = self._neighbours(prefix[-SESSION_EVENTS:])
        starts = self._session_starts[neighbours]
        lengths = self._session_starts[neighbours + 1] - starts
        firsts = np.cumsum(lengths) - lengths
        events = np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths)
        held = self._session_items[events]
        votes = np.bincount(held, weights=np.repeat(weights, lengths), minlength=self._items)
        scores: NDArray[np.float64] = votes * self._idf
        scores[prefix[-1]] = 0.0
        return scores

    def _neighbours(self, recent: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The k nearest train sessions, and similarity times match weight of each."""
        newest_first = recent[::-1].tolist()
        items = list(dict.fromkeys(newest_first))
        holders = [self._holders(item) for item in items]
        at = np.array([newest_first.index(item) for item in items])
        positions = np.repeat(at, [len(found) for found in holders])
        # np.unique sorts by recency and, for each session, finds its first: its newest match.
        sessions, newest, which = np.unique(np.concatenate(holders), return_index=True, return_inverse=True)
        similarity = np.bincount(which, weights=(len(recent) - positions) / len(items))
        match = 1.0 - MATCH_DECAY * (1 + positions[newest])
        candidates = slice(-self._m, None)
        nearest = np.lexsort((-sessions[candidates], -similarity[candidates]))[: self._k]
        return sessions[candidates][nearest], (similarity * match)[candidates][nearest]

    def _holders(self, item: int) -> NDArray[np.int64]:
        """The most recent sessions that hold the item, newest first."""
        start, stop = self._item_starts[item], self._item_starts[item + 1]
        return self._item_sessions[start : min(stop, start + self._m)]

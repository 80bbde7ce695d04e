"""Learn an attribute map for an artifact, and measure how well it places items that it was not learned from.

A tenth of the items is held out, as if they were new: the map is learned from the others, the held-out ones are
unavailable in the table, and the graphs get the rows that the map gives them. Held-out sessions are then ranked as a
function would rank them.

The map's rows get a common length. A longer row scores higher where the session is near it, so the length decides how
much new items compete with all others. It is the longest with which they take at most `MAX_WARM_LOSS` of HR@20 from the
other targets. Events on new items make the session's state better, which must not hide that: these targets are ranked
with and without new items from the same state.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from model_export.attributes.attribute_map import AttributeMap
from model_export.attributes.learn import learn
from model_export.data.session_events import SessionEvents
from model_export.export.graph_runner import Floats, GraphRunner
from model_export.export.graph_runner import Items as Seen
from model_export.metrics.ranking import CUTOFF
from model_export.profile.categories import category_column
from nextitem.catalogue.file import Catalogue
from nextitem.model.attribute_quality import AttributeQuality
from nextitem.model.manifest import PopularItem

SHARE = 10
"""One item in so many is held out."""
MIN_HELD_OUT = 2 * CUTOFF
"""Held-out items of the smallest catalogue: of fewer, even a random order has most targets among its best 20."""
MIN_ITEMS = 2 * MIN_HELD_OUT
MIN_TARGETS = 20
MAX_WARM_LOSS = 0.001
"""Largest loss of HR@20, to new items in the list, of the targets that are not held out."""
LENGTHS = (1.0, 0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.2, 0.1)
"""Lengths of the map's rows, as shares of the table's mean length, that are tried in turn."""
MAX_TARGETS = 6000
SIGMAS = 2.0
"""Standard errors of a random order by which the map must be better than it."""

Items = NDArray[np.int64]


class _Hits(NamedTuple):
    """Shares of targets in the best 20, and their numbers: of held-out targets, and of all others.

    `warm_alone` is that of the others where new items are in the session, but not in the list.
    """

    cold: float
    warm: float
    warm_alone: float
    cold_targets: int
    warm_targets: int


def certify(
    catalogue: Catalogue,
    item_ids: Sequence[str],
    table: Floats,
    graphs: GraphRunner,
    sessions: Sequence[SessionEvents],
    popular: Sequence[PopularItem],
    networks: int = 1,
) -> tuple[AttributeMap | None, AttributeQuality]:
    """Learn a map and measure it. There is no map if it is not better than a random order.

    Args:
        catalogue: the attributes of items.
        item_ids: the ids of the table's items.
        table: float32[items, hidden].
        graphs: the artifact's graphs.
        sessions: held-out sessions, of item codes.
        popular: the most frequent items.
        networks: see `AttributeMap`.
    """
    positions = np.array([_position(catalogue, item_id) for item_id in item_ids], np.int32)
    described = np.flatnonzero(positions >= 0)
    if len(described) < MIN_ITEMS:
        few = f"{len(described)} of {len(item_ids)} items have attributes; a map needs {MIN_ITEMS}"
        return None, AttributeQuality(refused=few, items=len(described))
    held_out = _held_out(item_ids, described)
    learned_from = np.setdiff1d(described, held_out)
    trial, penalty = learn(catalogue, positions[learned_from], table[learned_from])
    trial = trial._replace(networks=networks)
    trial_rows = trial.rows(catalogue, positions[held_out])
    shop = _Shop(graphs, len(item_ids), held_out, _first_targets(sessions))
    for length in LENGTHS:
        hits = shop.hits(trial_rows * np.float32(length))
        if hits.warm >= hits.warm_alone - MAX_WARM_LOSS:
            break
    among = shop.among_new_items(trial_rows * np.float32(length))
    category = category_column(catalogue)
    of_category = None if category is None else category[1].codes[positions]
    quality = AttributeQuality(
        columns=tuple(place.name for place in trial.places),
        items=len(described),
        held_out=len(held_out),
        targets=hits.cold_targets,
        hr=round(hits.cold, 6),
        hr_among_new=round(among, 6),
        best_sellers_among_new=round(shop.best_sellers_among_new(popular, of_category), 6),
        random_among_new=round(CUTOFF / len(held_out), 6),
        category="" if category is None else category[0],
        warm_delta=round(hits.warm - hits.warm_alone, 6),
        warm_targets=hits.warm_targets,
        penalty=penalty,
        length=length,
    )
    if refused := _refusal(quality):
        return None, msgspec.structs.replace(quality, refused=refused)
    whole, _ = learn(catalogue, positions[described], table[described], penalty)
    return whole._replace(length=whole.length * length, networks=networks), quality


def _refusal(quality: AttributeQuality) -> str:
    if quality.targets < MIN_TARGETS:
        return f"held-out sessions have {quality.targets} targets among the held-out items; {MIN_TARGETS} are needed"
    chance = quality.random_among_new
    needed = chance + SIGMAS * (chance * (1 - chance) / quality.targets) ** 0.5
    if quality.hr_among_new <= needed:
        return (
            f"among new items its HR@20 is {quality.hr_among_new:.4f}; a random order has {chance:.4f}, and "
            f"{needed:.4f} is needed on {quality.targets} targets"
        )
    if quality.warm_delta < -MAX_WARM_LOSS:
        return f"it costs all other targets {-quality.warm_delta:.4f} of HR@20; {MAX_WARM_LOSS} is allowed"
    return ""


def _position(catalogue: Catalogue, item_id: str) -> int:
    position = catalogue.vocabulary.index(item_id)
    return -1 if position is None else position


def _held_out(item_ids: Sequence[str], described: Items) -> Items:
    """Choose the items to hold out by the hash of their ids."""
    count = max(MIN_HELD_OUT, len(described) // SHARE)
    hashed = sorted((crc32(item_ids[item].encode()), item) for item in described.tolist())
    return np.sort(np.array([item for _, item in hashed[:count]], np.int64))


def _first_targets(sessions: Sequence[SessionEvents]) -> list[SessionEvents]:
    """Return as many of the sessions as have `MAX_TARGETS` targets."""
    ends = np.cumsum([session.targets for session in sessions])
    return list(sessions[: int(np.searchsorted(ends, MAX_TARGETS)) + 1])


class _Shop:
    """Ranks for held-out sessions, with the held-out items as new ones.

    Args:
        graphs: the artifact's graphs.
        items: the number of the table's items.
        held_out: the items that are held out, ascending.
        sessions: the sessions, of item codes.
    """

    def __init__(self, graphs: GraphRunner, items: int, held_out: Items, sessions: Sequence[SessionEvents]) -> None:
        self._graphs, self._items, self._held_out = graphs, items, held_out
        index = np.arange(items, dtype=np.int32)
        index[held_out] = items + np.arange(len(held_out))
        self._sessions = [SessionEvents(index[session.items], session.types) for session in sessions]

    def hits(self, rows: Floats) -> _Hits:
        """Rank where the held-out items have rows."""
        runner, old = self._runner(rows), np.arange(self._items)
        cold: list[bool] = []
        warm: list[bool] = []
        warm_alone: list[bool] = []
        for state, seen, target in self._moments(runner):
            is_hit = target in runner.ranked(state, CUTOFF, seen)[1]
            if target >= self._items:
                cold.append(is_hit)
            else:
                warm.append(is_hit)
                warm_alone.append(is_hit or target in runner.ranked(state, CUTOFF, seen, old)[1])
        return _Hits(_share(cold), _share(warm), _share(warm_alone), len(cold), len(warm))

    def among_new_items(self, rows: Floats) -> float:
        """Return HR@20 of the held-out targets where only held-out items are ranked."""
        runner, new = self._runner(rows), self._items + np.arange(len(rows))
        return _share(
            target in runner.ranked(state, CUTOFF, seen, new)[1]
            for state, seen, target in self._moments(runner)
            if target >= self._items
        )

    def best_sellers_among_new(self, popular: Sequence[PopularItem], category: NDArray[np.int32] | None) -> float:
        """Return the same for the most frequent held-out items, those of the newest item's category first.

        Args:
            popular: the most frequent items. No shop knows this of new ones.
            category: of each item; None if all items are of one.
        """
        shares = np.zeros(self._items)
        shares[[item.index for item in popular]] = [item.share for item in popular]
        category = np.zeros(self._items, np.int32) if category is None else category
        original = np.append(np.arange(self._items), self._held_out)
        best: dict[int, list[int]] = {}
        hits = []
        for session in self._sessions:
            for place in np.flatnonzero(session.is_next_item).tolist():
                newest, target = original[session.items[place : place + 2]].tolist()
                if session.items[place + 1] < self._items:
                    continue
                own = int(category[newest])
                if own not in best:
                    order = np.lexsort((-shares[self._held_out], category[self._held_out] != own))
                    best[own] = self._held_out[order[:CUTOFF]].tolist()
                hits.append(target in best[own])
        return _share(hits)

    def _runner(self, rows: Floats) -> GraphRunner:
        unavailable = np.zeros(self._items + len(rows), np.bool_)
        unavailable[self._held_out] = True
        return self._graphs.with_new_items(np.ascontiguousarray(rows), unavailable)

    def _moments(self, runner: GraphRunner) -> Iterator[tuple[Floats, Seen, int]]:
        """Yield the state before each next item, the items so far, and the next item."""
        for session in self._sessions:
            state, seen = runner.start(), session.items[:0]
            for place, is_next_item in enumerate(session.is_next_item.tolist()):
                event = session[place : place + 1]
                seen = np.append(seen, event.items)
                state = runner.step(state, event)
                if is_next_item:
                    yield state, seen, int(session.items[place + 1])


def _share(hits: Iterable[bool]) -> float:
    found = list(hits)
    return float(np.mean(found)) if found else 0.0

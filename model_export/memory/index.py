"""Index training sessions in both directions: from an item to its sessions, and from a session to its items."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.memory.config import MemoryConfig

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class MemoryIndex:
    """The index. Sessions are numbered from the newest on.

    The last session is a sentinel with item 0 and weight 0, so that no search has an empty result.

    Attributes:
        item_starts: int32[items + 1]; the sessions of item i are item_starts[i] to item_starts[i + 1].
        item_sessions: int32[n + 1], newest first; the last entry is the sentinel.
        item_positions: uint8[n + 1], the place of the item's newest event in the session.
        session_starts: int32[sessions + 2], like `item_starts`.
        session_items: int32[m], distinct within a session.
        session_positions: uint8[m], like `item_positions`.
        session_weights: float32[sessions + 1], factors of the similarity.
        item_rarity: float32[items], inverse document frequency.
    """

    item_starts: Ints
    item_sessions: Ints
    item_positions: NDArray[np.uint8]
    session_starts: Ints
    session_items: Ints
    session_positions: NDArray[np.uint8]
    session_weights: NDArray[np.float32]
    item_rarity: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def build_index(sessions: Sessions, config: MemoryConfig) -> MemoryIndex:
    """Index the newest sessions that have at least two distinct items.

    Args:
        sessions: the training sessions.
        config: limits the number of sessions, of their events, and of sessions per item.
    """
    items = len(sessions.catalogue)
    newest_first = np.lexsort((np.arange(len(sessions)), sessions.times[sessions.offsets[1:] - 1]))[::-1]
    owners, codes, positions = _distinct_items(sessions, newest_first, config.session_events)
    counts = np.bincount(owners, minlength=len(sessions))
    chosen = np.flatnonzero(counts >= MIN_SESSION_EVENTS)[: config.sessions]
    number = np.full(len(sessions), -1)
    number[chosen] = np.arange(len(chosen))
    kept = number[owners] >= 0
    owners, codes, positions = number[owners[kept]], codes[kept], positions[kept]
    lengths = np.bincount(owners, minlength=len(chosen))
    holders = np.bincount(codes, minlength=items)

    by_item = np.lexsort((owners, codes))
    firsts = np.cumsum(holders) - holders
    place = np.arange(len(codes)) - np.repeat(firsts, holders)
    by_item = by_item[place < config.per_item]
    return MemoryIndex(
        item_starts=_starts(np.minimum(holders, config.per_item)),
        item_sessions=np.append(owners[by_item], len(chosen)).astype(np.int32),
        item_positions=np.append(positions[by_item], 0).astype(np.uint8),
        session_starts=_starts(np.append(lengths, 1)),
        session_items=np.append(codes, 0).astype(np.int32),
        session_positions=np.append(positions, 0).astype(np.uint8),
        session_weights=np.append(lengths**-config.length_power, 0.0).astype(np.float32),
        item_rarity=np.log1p(len(chosen) / np.maximum(holders, 1)).astype(np.float32),
    )


def _distinct_items(
    sessions: Sessions, order: NDArray[np.int64], events: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return owner (place in `order`), item and place of the distinct items in each session's newest events."""
    lengths = np.minimum(sessions.lengths[order], events)
    owners = np.repeat(np.arange(len(order)), lengths)
    positions = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    codes = sessions.codes[np.repeat(sessions.offsets[1:][order] - lengths, lengths) + positions].astype(np.int64)
    by_item = np.lexsort((-positions, codes, owners))
    same = (np.diff(owners[by_item]) == 0) & (np.diff(codes[by_item]) == 0)
    newest = by_item[np.append(True, ~same)] if len(by_item) else by_item
    return owners[newest], codes[newest], positions[newest]


def _starts(counts: NDArray[np.int64]) -> Ints:
    return np.append(0, np.cumsum(counts)).astype(np.int32)

"""Sessions of events, in columns of numpy."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextitem.event_types import VIEW

MIN_SESSION_EVENTS = 2
"""Minimum events of a session: a shorter one has no next item to predict."""

FIRST_EPOCH_SECOND = 631_152_000.0
"""1990-01-01 UTC. When all times are earlier, they are a running index."""


def format_time(time: float, form: str) -> str:
    """Format an epoch second in UTC, by a form of `strftime`; return a number outside the years 1 to 9999 as it is."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime(form)
    except (OSError, OverflowError, ValueError):
        return f"{time:g}"


@dataclass(frozen=True, eq=False)
class Sessions:
    """Events grouped by session, each session in time order.

    Attributes:
        catalogue: item ids; as read from a file: the distinct ones, in order of their UTF-8 bytes.
        codes: int32[events], index into `catalogue`.
        offsets: int64[sessions + 1]; session i holds the events offsets[i] to offsets[i + 1].
        times: float64[events], epoch seconds, or the running index.
        rows: int64[events], data row of the event in its file, the first one being 1.
        ids: session ids, in order of the session's first row.
        is_epoch: False when the times are only a running index.
        types: the types of events that occur, views first, the others in order of their UTF-8 bytes.
        type_codes: int8[events], index into `types`.
    """

    catalogue: tuple[str, ...]
    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    rows: NDArray[np.int64]
    ids: list[str]
    is_epoch: bool
    types: tuple[str, ...]
    type_codes: NDArray[np.int8]

    @classmethod
    def from_events(
        cls,
        *,
        catalogue: Iterable[str],
        ids: list[str],
        owners: NDArray[np.int64],
        codes: NDArray[np.int32],
        times: NDArray[np.float64],
        rows: NDArray[np.int64],
        order: NDArray[np.int64] | None = None,
        types: Sequence[str] = (VIEW,),
        type_codes: NDArray[np.int32] | None = None,
    ) -> Self:
        """Group events by session.

        Args:
            catalogue: distinct item ids, in order of their UTF-8 bytes.
            ids: distinct session ids, in order of their first row; each owns at least one event.
            owners: int64[events], index into `ids`.
            codes: int32[events], index into `catalogue`.
            times: float64[events], epoch seconds or a running index.
            rows: int64[events], data row of the event in its file.
            order: int64[events], which grows along each session; by default the times, and of equal times the rows.
            types: distinct types of events.
            type_codes: int32[events], index into `types`; None if all events are of the first.
        """
        kinds = np.zeros(len(codes), np.int32) if type_codes is None else type_codes
        ordered = sorted(types, key=lambda name: (name != VIEW, name.encode()))
        place = np.array([ordered.index(name) for name in types], np.int8)
        by_session = np.lexsort((rows, times, owners) if order is None else (order, owners))
        counts = np.bincount(owners, minlength=len(ids))
        return cls(
            catalogue=tuple(catalogue),
            codes=codes[by_session],
            offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            times=times[by_session],
            rows=rows[by_session],
            ids=ids,
            is_epoch=bool(np.any(times >= FIRST_EPOCH_SECOND)),
            types=tuple(ordered),
            type_codes=place[kinds][by_session],
        )

    def __len__(self) -> int:
        """Number of sessions."""
        return len(self.ids)

    def session(self, index: int) -> NDArray[np.int32]:
        """Item codes of one session, in time order."""
        return self.codes[self.offsets[index] : self.offsets[index + 1]]

    def session_types(self, index: int) -> NDArray[np.int8]:
        """Type codes of one session, in time order."""
        return self.type_codes[self.offsets[index] : self.offsets[index + 1]]

    @cached_property
    def is_target(self) -> NDArray[np.bool_]:
        """bool[events], whether an event is a next item to predict: see `next_items`; a session's first is none."""
        targets = np.zeros(len(self.codes), np.bool_)
        targets[1:] = next_items(self.codes, self.type_codes)
        targets[self.offsets[:-1][self.lengths > 0]] = False
        return targets

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64[sessions], events of each session."""
        return np.diff(self.offsets)

    @property
    def starts(self) -> NDArray[np.float64]:
        """float64[sessions], time of each session's first event."""
        return self.times[self.offsets[:-1]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over session ids, item ids and times, in that order.

        The same events give the same digest from any file format and compression. Row numbers, and items of the
        catalogue without events, do not count; types do if several occur.
        """
        used, codes = np.unique(self.codes, return_inverse=True)
        items = [self.catalogue[code] for code in used.tolist()]
        by_bytes = sorted(range(len(items)), key=items.__getitem__)
        place = np.empty(len(items), dtype="<i4")
        place[by_bytes] = np.arange(len(items))
        digest = hashlib.sha256()
        _hash_texts(digest, self.ids)
        digest.update(self.offsets.astype("<i8").tobytes())
        _hash_texts(digest, [items[code] for code in by_bytes])
        digest.update(place[codes].tobytes())
        digest.update((self.times + 0.0).astype("<f8").tobytes())  # + 0.0: no negative zero
        if len(self.types) > 1:
            _hash_texts(digest, self.types)
            digest.update(self.type_codes.tobytes())
        return digest.hexdigest()

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> Self:
        """Return the sessions at `indices`, in that order, over a catalogue of their items only."""
        chosen = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[chosen]
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        shift = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths)
        events = np.arange(offsets[-1], dtype=np.int64) + shift
        used, codes = np.unique(self.codes[events], return_inverse=True)
        return type(self)(
            catalogue=tuple(self.catalogue[code] for code in used.tolist()),
            codes=codes.astype(np.int32),
            offsets=offsets,
            times=self.times[events],
            rows=self.rows[events],
            ids=[self.ids[index] for index in chosen.tolist()],
            is_epoch=self.is_epoch,
            types=self.types,
            type_codes=self.type_codes[events],
        )

    def recoded(self, catalogue: Sequence[str]) -> Self:
        """Return the sessions over another catalogue, as the evaluation protocol requires.

        Events whose item is not in `catalogue` are dropped, then sessions shorter than
        `MIN_SESSION_EVENTS`. The result may be empty.
        """
        index = {item: code for code, item in enumerate(catalogue)}
        renamed = np.array([index.get(item, -1) for item in self.catalogue], dtype=np.int32)
        codes = renamed[self.codes]
        owners = np.repeat(np.arange(len(self)), self.lengths)
        counts = np.bincount(owners[codes >= 0], minlength=len(self))
        long_enough = counts >= MIN_SESSION_EVENTS
        kept = (codes >= 0) & long_enough[owners]
        return type(self)(
            catalogue=tuple(catalogue),
            codes=codes[kept],
            offsets=np.concatenate(([0], np.cumsum(counts[long_enough]))).astype(np.int64),
            times=self.times[kept],
            rows=self.rows[kept],
            ids=[self.ids[session] for session in np.flatnonzero(long_enough).tolist()],
            is_epoch=self.is_epoch,
            types=self.types,
            type_codes=self.type_codes[kept],
        )


def next_items(codes: NDArray[np.int32], types: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which events after the first are next items to predict, bool[events - 1].

    An event of the item right before, but of another type, is none: a visitor who puts the item in the cart that they
    are looking at has not gone on to an item.

    Args:
        codes: int32[events], items of a session, oldest first.
        types: int8[events], types of its events.
    """
    acts_on_it: NDArray[np.bool_] = (codes[1:] == codes[:-1]) & (types[1:] != types[:-1])
    return ~acts_on_it


def _hash_texts(digest: "hashlib._Hash", texts: Sequence[str]) -> None:
    """Add a list of texts; their lengths come first, so that different lists give different bytes."""
    encoded = [text.encode() for text in texts]
    lengths = np.fromiter((len(part) for part in encoded), dtype="<i8", count=len(encoded))
    digest.update(len(encoded).to_bytes(8, "little"))
    digest.update(lengths.tobytes())
    digest.update(b"".join(encoded))

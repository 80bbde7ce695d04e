"""Padded batches of sessions of similar length."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.data.sessions import Sessions
from nextitem.errors import InputError

BUCKET = 16
"""Batches whose sessions are sorted by length together. More batches need less padding, but mix lengths less."""


@dataclass(frozen=True)
class Batch:
    """Some transitions.

    Attributes:
        inputs: int64[batch, time] items.
        types: int64[batch, time] the types of these events.
        targets: int64[batch, time] the items that followed.
        mask: bool[batch, time], true where there is a target: see `Sessions.is_target`.
        weights: float32[batch, time], of the targets.
        fresh: bool[batch], rows in which a session begins; the others continue the same row of the previous batch.
            None if a session begins in every row.
    """

    inputs: Tensor
    types: Tensor
    targets: Tensor
    mask: Tensor
    weights: Tensor
    fresh: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def part(self, rows: Tensor) -> "Batch":
        """Return some rows of the batch, int64[n]."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        fresh = None if self.fresh is None else change(self.fresh)
        return Batch(
            change(self.inputs),
            change(self.types),
            change(self.targets),
            change(self.mask),
            change(self.weights),
            fresh,
        )


class Epochs(Protocol):
    """Transitions in batches, in another order each epoch."""

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        ...

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every transition once, in an order drawn from `rng`."""
        ...


class Batches:
    """All transitions of sessions, each once an epoch, in padded batches.

    A session longer than `window` + 1 events is cut into windows; each begins with the last event of the one before.

    Args:
        sessions: the training data; sessions shorter than 2 are skipped.
        size: sessions in a batch.
        window: maximum transitions in a row of a batch.
        recency: see `FitConfig.recency`.
        bucket: see `BUCKET`; 1 sorts nothing.
        type_weights: see `weights_by_type`.
    """

    def __init__(
        self,
        sessions: Sessions,
        size: int,
        window: int,
        recency: float = 0.0,
        bucket: int = BUCKET,
        type_weights: Mapping[str, float] = {},
    ) -> None:
        self._codes, self._types, self._is_target = sessions.codes, sessions.type_codes, sessions.is_target
        self._event_weights = weights_by_type(sessions, type_weights)
        self._size, self._bucket = size, bucket
        owners, self._starts, self._lengths = windows(sessions, window)
        self._weights = weights_by_age(sessions, recency)[owners]

    def __len__(self) -> int:
        return math.ceil(len(self._starts) / self._size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every window once, in an order drawn from `rng`."""
        order = rng.permutation(len(self._starts))
        chunk = self._size * self._bucket
        for at in range(0, len(order), chunk):
            near = order[at : at + chunk]
            near = near[np.argsort(self._lengths[near], kind="stable")]
            places = range(0, len(near), self._size)
            for place in rng.permutation(np.asarray(places)).tolist():
                yield self._batch(near[place : place + self._size])

    def _batch(self, chosen: NDArray[np.int64]) -> Batch:
        lengths = self._lengths[chosen]
        steps = np.arange(int(lengths.max()))
        is_real = steps[None, :] < lengths[:, None]
        at = np.where(is_real, self._starts[chosen][:, None] + steps[None, :], 0)
        after = at + is_real
        return Batch(
            torch.from_numpy(self._codes[at].astype(np.int64)),
            torch.from_numpy(self._types[at].astype(np.int64)),
            torch.from_numpy(self._codes[after].astype(np.int64)),
            torch.from_numpy(is_real & self._is_target[after]),
            torch.from_numpy(self._weights[chosen][:, None] * self._event_weights[after]),
        )


def windows(sessions: Sessions, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each window's session, first event and transitions."""
    transitions = sessions.lengths - 1
    pieces = -(-transitions // window)
    owners = np.repeat(np.arange(len(sessions)), pieces)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = sessions.offsets[:-1][owners] + within * window
    return owners, starts, np.minimum(window, transitions[owners] - within * window)


def weights_by_age(sessions: Sessions, recency: float) -> NDArray[np.float32]:
    """Return each session's weight by its start's rank, 1 on average: ranks are there where times are but an order."""
    ranks = np.empty(len(sessions))
    ranks[np.argsort(sessions.starts, kind="stable")] = np.arange(len(sessions))
    weights = np.exp(recency * (ranks / max(1, len(sessions) - 1) - 1.0))
    return np.asarray(weights / weights.mean(), np.float32)


def weights_by_type(sessions: Sessions, weights: Mapping[str, float]) -> NDArray[np.float32]:
    """Return each event's weight as a target, float32[events], 1 on average over the targets.

    Args:
        sessions: the training data.
        weights: by type; other types have 1.

    Raises:
        InputError: no event is of a type that has a weight.
    """
    if absent := [name for name in weights if name not in sessions.types]:
        raise InputError(
            f"no event is of the type {', '.join(absent)}, which --type-weight names; the types are "
            f"{', '.join(sessions.types)} (--type-column names their column)"
        )
    by_type = np.array([weights.get(name, 1.0) for name in sessions.types])
    by_event = by_type[sessions.type_codes]
    targets = by_event[sessions.is_target]
    return np.asarray(by_event / (targets.mean() if len(targets) else 1.0), np.float32)

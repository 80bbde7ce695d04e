"""Rank all next items of sessions as a version serves them, also those that it does not know.

Other than the evaluation protocol (`model_export.metrics.protocol`), no target is left out because a version lacks its
item: that is a miss. So two versions of different catalogues are compared on the same targets. Events of unknown items
change nothing for a version, and before its first known item a session gets the best sellers, as in the service.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.metrics.protocol import NO_ITEM
from model_export.metrics.ranking import CUTOFF
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP


@dataclass(frozen=True, eq=False)
class ServedRanks:
    """The ranks of targets, and the items that were shown.

    Attributes:
        ranks: float64[targets], in the order of `targets_of`; infinity for an item that is unknown or ranks too deep.
        shown: by item id, the number of lists of 20 that it stood in.
        unknown: number of targets whose item the version does not know.
    """

    ranks: NDArray[np.float64]
    shown: dict[str, int]
    unknown: int


def targets_of(test: Sessions, *, exclude_seen: bool) -> NDArray[np.bool_]:
    """Return which events are targets, bool[events].

    Args:
        test: sessions.
        exclude_seen: leave out targets that their session holds already: they cannot be shown.
    """
    if not exclude_seen:
        return test.is_target
    is_new = np.zeros(len(test.codes), np.bool_)
    owners = np.repeat(np.arange(len(test), dtype=np.int64), test.lengths)
    is_new[np.unique(owners * len(test.catalogue) + test.codes, return_index=True)[1]] = True
    return test.is_target & is_new


class BestSellers:
    """The best sellers of a version's training for every session: the reference where no version is live."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.order = np.array([item.index for item in model.popular((), MAX_TOP)], np.int32)

    def ranks(self, test: Sessions, *, exclude_seen: bool) -> ServedRanks:
        """Rank as `served_ranks` does."""
        codes = _codes(test, self._model)
        is_target = targets_of(test, exclude_seen=exclude_seen)
        shown: dict[int, int] = {}
        ranks = []
        for session, wanted in _by_session(test, codes, is_target):
            for at in range(1, len(session)):
                left_out = session[:at] if exclude_seen else session[:0]
                order = self.order[~np.isin(self.order, left_out)]
                for item in order[:CUTOFF].tolist():
                    shown[item] = shown.get(item, 0) + 1
                if wanted[at]:
                    ranks.append(_place(order, session[at]))
        return ServedRanks(np.array(ranks), _named(shown, self._model), _unknown(codes, is_target))


def served_ranks(
    model: Model, test: Sessions, *, exclude_seen: bool, progress: Callable[[int], None] = lambda _done: None
) -> ServedRanks:
    """Rank the targets of sessions with the engine as it serves, one event at a time.

    Args:
        model: the version.
        test: sessions, over a catalogue that may have items that the version does not know.
        exclude_seen: rank without the items that the session holds.
        progress: called after each session with the number of sessions done.
    """
    codes = _codes(test, model)
    ranker, best_sellers = EngineRanker(model, test.types), BestSellers(model).order
    is_target = targets_of(test, exclude_seen=exclude_seen)
    types = np.split(test.type_codes, test.offsets[1:-1])
    shown = np.zeros(len(model.vocabulary), np.int64)
    ranks = np.full(int(is_target.sum()), np.inf)
    filled = 0
    for index, (session, wanted) in enumerate(_by_session(test, codes, is_target)):
        known = session >= 0
        after = np.full(0, np.inf)
        if known.sum() >= MIN_SESSION_EVENTS:
            views = ranker.rank(session[known], types[index][known])
            view = views.without_seen if exclude_seen else views.with_seen
            after = view.ranks
            np.add.at(shown, view.top[view.top != NO_ITEM], 1)
        before: NDArray[np.int64] = np.cumsum(known) - known  # the known events before each event
        np.add.at(shown, best_sellers[:CUTOFF], int((before[1:] == 0).sum()))
        for at in np.flatnonzero(wanted).tolist():
            if known[at]:
                ranks[filled] = after[before[at] - 1] if before[at] else _place(best_sellers, session[at])
            filled += 1
        progress(index + 1)
    return ServedRanks(
        ranks,
        _named({item: int(shown[item]) for item in np.flatnonzero(shown).tolist()}, model),
        _unknown(codes, is_target),
    )


def _unknown(codes: NDArray[np.int32], is_target: NDArray[np.bool_]) -> int:
    return int((codes[is_target] < 0).sum())


def _codes(test: Sessions, model: Model) -> NDArray[np.int32]:
    """Return the version's index of each event's item, int32[events]; -1 for an unknown item."""
    indices = [model.vocabulary.index(item) for item in test.catalogue]
    return np.array([-1 if index is None else index for index in indices], np.int32)[test.codes]


def _by_session(
    test: Sessions, codes: NDArray[np.int32], is_target: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    ends = test.offsets[1:-1]
    return zip(np.split(codes, ends), np.split(is_target, ends), strict=True)


def _place(order: NDArray[np.int32], item: np.int32) -> float:
    places = np.flatnonzero(order == item)
    return float(places[0] + 1) if len(places) else np.inf


def _named(shown: dict[int, int], model: Model) -> dict[str, int]:
    return {model.vocabulary.item_id(int(item)): count for item, count in shown.items()}

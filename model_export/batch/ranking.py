"""Rank for sessions as the service does for a request with their events."""

import os
import threading
from collections.abc import Sequence
from multiprocessing import parent_process
from pathlib import Path
from typing import NamedTuple

import msgspec

from nextitem.catalogue.served_items import ServedItems
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.service.listing import recommendations
from nextitem.service.ranking import rank, replay_items
from nextitem.service.schema import RankingOptions
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import parse_options
from nextitem.sessions.session import WINDOW


class BatchSession(NamedTuple):
    """A session: its id, its items and the types of its events, oldest first."""

    session_id: str
    item_ids: Sequence[str]
    types: Sequence[str]


class Options(msgspec.Struct, frozen=True):
    """How to rank: the number of recommendations, and whether to leave out the items of the session."""

    limit: int
    exclude_seen: bool


class Ranked(NamedTuple):
    """The recommendations of some sessions, in columns, and how many sessions have an item that the model knows."""

    session_ids: list[str]
    ranks: list[int]
    item_ids: list[str]
    scores: list[float]
    known: int


class BatchRanker:
    """Ranks for sessions with one model.

    Args:
        artifact: the model version's folder.
        options: how to rank.
    """

    def __init__(self, artifact: Path, options: Options) -> None:
        model = Model(open_artifact(artifact), goldens=1)  # the command has checked all
        items = ServedItems(model.vocabulary, model.manifest.model.hidden)
        self._routed = RoutedModel(model, items, "batch", options.exclude_seen)
        self._options = RankingOptions(limit=options.limit, exclude_seen=options.exclude_seen)
        self._parsed = parse_options(self._options, None)

    def rank(self, sessions: Sequence[BatchSession]) -> Ranked:
        """Rank for each session, of which the newest `WINDOW` events count, as in a session of the service."""
        ranked = Ranked([], [], [], [], 0)
        known = 0
        for session_id, item_ids, types in sessions:
            replay = replay_items(self._routed, item_ids[-WINDOW:], types=types[-WINDOW:])
            known += replay.hidden is not None
            exclude_seen = bool(self._options.exclude_seen)
            ranking = rank(self._routed, replay, self._parsed, self._options.limit, exclude_seen=exclude_seen)
            for place, item in enumerate(recommendations(self._routed, ranking, self._options), start=1):
                ranked.session_ids.append(session_id)
                ranked.ranks.append(place)
                ranked.item_ids.append(item.item_id)
                ranked.scores.append(item.score)
        return ranked._replace(known=known)


_ranker: list[BatchRanker] = []
"""The ranker of a process that `start_process` has prepared."""


def start_process(artifact: Path, options: Options) -> None:
    """Prepare a process of a pool. If its parent is killed, it ends, too."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _ranker.append(BatchRanker(artifact, options))


def rank_in_process(sessions: Sequence[BatchSession]) -> Ranked:
    """Rank in a process that `start_process` has prepared; see `BatchRanker.rank`."""
    return _ranker[0].rank(sessions)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

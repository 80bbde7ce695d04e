"""Shadow: replay sampled sessions of the lake through champion and challenger, offline, with the engine that serves.

No visitor sees an answer of the challenger. But visitors chose from the champion's answers, so their next items favour
it: a challenger that is equal here is rather better.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.evaluation.served_ranks import served_ranks, targets_of
from model_export.lake.events import LakeFiles
from model_export.lake.reader import LakeSessions, SessionWindow, read_ended_sessions
from model_export.lake.records import IDLE_MS
from model_export.metrics.bootstrap import SEED, Estimate, SessionBootstrap, estimates
from model_export.metrics.protocol import values_by_metric
from nextitem.errors import InputError
from nextitem.model.engine import Model

Progress = Callable[[str, int, int], None]
"""Called with the version, the number of its sessions done, and their total."""


@dataclass(frozen=True)
class Shadowed:
    """The quality of both versions on the same next items of the same sessions.

    Attributes:
        champion, challenger: their versions.
        sessions: number of sessions.
        targets: number of next items; of unknown items, too, which are misses.
        unknown: by version, the number of targets whose item it does not know.
        quality: by version, each metric with the interval of the session bootstrap.
        difference: by metric, the challenger's less the champion's, in the same draws.
    """

    champion: str
    challenger: str
    sessions: int
    targets: int
    unknown: dict[str, int]
    quality: dict[str, dict[str, Estimate]]
    difference: dict[str, Estimate]


def sample_sessions(
    lake: LakeFiles, since: int, until: int, most: int, *, idle_ms: int = IDLE_MS, seed: int = SEED
) -> Sessions:
    """Return a sample of the sessions of the lake that ended in a window and have a next item.

    Args:
        lake: the lake.
        since: epoch milliseconds; sessions that ended after it.
        until: and not after this one.
        most: maximum of sessions.
        idle_ms: the pause after which a session has ended.
        seed: of the sample.

    Raises:
        InputError: there are none.
        RegistryError: the lake cannot be read.
    """
    rows = read_ended_sessions(lake, SessionWindow(since, until, idle_ms))
    _, owners, lengths = np.unique(rows.session, return_inverse=True, return_counts=True)
    long_enough = np.flatnonzero(lengths >= MIN_SESSION_EVENTS)
    if not len(long_enough):
        raise InputError("the lake has no session with two events that ended in this time; take more --days")
    if len(long_enough) > most:
        long_enough = np.random.default_rng(seed).choice(long_enough, most, replace=False)
    return _sessions(rows, np.isin(owners, long_enough))


def _sessions(rows: LakeSessions, kept: NDArray[np.bool_]) -> Sessions:
    ids, owners = np.unique(rows.session[kept], return_inverse=True)
    items, codes = np.unique(rows.item_id[kept], return_inverse=True)
    types, type_codes = np.unique(rows.type[kept], return_inverse=True)
    by_bytes = sorted(range(len(items)), key=lambda code: str(items[code]).encode())
    place = np.empty(len(items), np.int32)
    place[by_bytes] = np.arange(len(items), dtype=np.int32)
    order = np.arange(len(owners), dtype=np.int64)  # the rows have the order of their sessions' logs
    return Sessions.from_events(
        catalogue=[str(items[code]) for code in by_bytes],
        ids=ids.tolist(),
        owners=owners.astype(np.int64),
        codes=place[codes],
        times=rows.occurred_at[kept] / 1000.0,
        rows=order + 1,
        order=order,
        types=types.tolist(),
        type_codes=type_codes.astype(np.int32),
    )


def shadow(
    champion: Model, challenger: Model, sessions: Sessions, *, exclude_seen: bool, progress: Progress
) -> Shadowed:
    """Rank the next items of sessions with both versions, one event at a time.

    Args:
        champion: the version that is live.
        challenger: the version that is tried.
        sessions: from `sample_sessions`.
        exclude_seen: whether answers leave out the session's items, as the route has it.
        progress: follows the work.

    Raises:
        InputError: no event of the sessions is a next item.
    """
    is_target = targets_of(sessions, exclude_seen=exclude_seen)
    if not is_target.any():
        raise InputError("no event of these sessions is a next item; take more --days or more --sessions")
    models = (champion, challenger)
    ranked = [
        served_ranks(
            model,
            sessions,
            exclude_seen=exclude_seen,
            progress=lambda done, version=model.version: progress(version, done, len(sessions)),  # type: ignore[misc]
        )
        for model in models
    ]
    values = [values_by_metric(each.ranks) for each in ranked]
    metrics = list(values[0])
    owners = np.repeat(np.arange(len(sessions), dtype=np.int64), sessions.lengths)[is_target]
    table = np.stack([by_metric[metric] for by_metric in values for metric in metrics], axis=1)
    means, draws = SessionBootstrap(owners, len(sessions)).means(table)
    width = len(metrics)

    def named(columns: list[Estimate]) -> dict[str, Estimate]:
        return dict(zip(metrics, columns, strict=True))

    quality = estimates(means, draws)
    return Shadowed(
        champion=champion.version,
        challenger=challenger.version,
        sessions=len(sessions),
        targets=int(is_target.sum()),
        unknown={model.version: each.unknown for model, each in zip(models, ranked, strict=True)},
        quality={champion.version: named(quality[:width]), challenger.version: named(quality[width:])},
        difference=named(estimates(means[width:] - means[:width], draws[:, width:] - draws[:, :width])),
    )

"""Compare the recommendations of a hidden state of all events with those of one rebuilt from the window of 64.

    python -m bench.store.window_effect [--sessions 4000] [--json PATH]

A snapshot continues the one before it, so it depends on all events of a session; a rebuild sees the newest 64. Sessions
of the shop simulator have at most 30 events, so several are joined. The model is the demo model.

*memory*: all events against the newest 64, both replayed at once. *storing*: all events one by one with a stored
snapshot after each, as requests do, against all events at once. *as served*: the former against the newest 64 at once,
which is the effect of a lost snapshot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from devstack.publish import demo_artifact
from model_export.simulator import Shop
from nextitem.hidden_state import HiddenState
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.sessions.codec import CHAIN_BYTES, decode_snapshot, encode_snapshot
from nextitem.sessions.session import WINDOW, Snapshot

TOP = 20
LENGTHS = (WINDOW + 1, 2 * WINDOW, 4 * WINDOW)
"""Events of the compared sessions: barely more than the window, and far more."""
STEPPED = 4
"""Every n-th session is also stepped event by event, which takes far longer."""
DEEP = 100
"""Depth of a ranking that is searched for items that only the other recommends."""
SEED = 64
_CHAIN = bytes(CHAIN_BYTES)


@dataclass(frozen=True)
class Comparison:
    """One comparison at one length of session.

    Attributes:
        compared: memory, storing, or as served.
        length: events in the session.
        sessions: number of compared sessions.
        other_items: share of them whose top 20 has other items.
        other_order: share of them whose top 20 has other items or another order.
        worst_overlap: minimum number of items in both top 20.
        worst_gap: maximum by which an item of the other top 20 scores below the 20th place (logits).
        spread: median distance of the 1st from the 20th place (logits), to compare the gap with.
        worst_state: maximum difference of the hidden states, relative to the state's norm.
    """

    compared: str
    length: int
    sessions: int
    other_items: float
    other_order: float
    worst_overlap: int
    worst_gap: float
    spread: float
    worst_state: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=4000, help="simulated sessions (default: %(default)s)")
    arguments = parser.parse_args()
    model = Model(open_artifact(demo_artifact()))
    rows = [row for length in LENGTHS for row in _compare(model, length, arguments.sessions)]
    columns = "events", "sessions", "other items", "other order", "overlap", "gap", "state"
    table = Table("", *columns, title=f"Top {TOP} of sessions longer than the window; the last three are the worst")
    for row in rows:
        shares = f"{row.other_items:.2%}", f"{row.other_order:.2%}"
        worst = f"{row.worst_overlap}", f"{row.worst_gap:.3f}", f"{row.worst_state:.0e}"
        table.add_row(row.compared, str(row.length), f"{row.sessions:,}", *shares, *worst)
    Console().print(table)
    Console().print(f"The 1st place scores {median(row.spread for row in rows):.1f} above the 20th.")
    write_json({"rows": [asdict(row) for row in rows]}, arguments.json)


def _compare(model: Model, length: int, sessions: int) -> list[Comparison]:
    whole, window, stepped = [], [], []
    logs = []  # the session memory, if the model has one, always sees the log
    for number, items in enumerate(islice(_long_sessions(model, length), sessions)):
        whole.append(model.replay(None, items))
        logs.append(items[-WINDOW:])
        window.append(model.replay(None, items[-WINDOW:]))
        if number < sessions // STEPPED:
            stepped.append(_stepped(model, items))
    some = len(stepped)
    return [
        _row(model, "memory", length, whole, window, logs),
        _row(model, "storing", length, stepped, whole[:some], logs[:some]),
        _row(model, "as served", length, stepped, window[:some], logs[:some]),
    ]


def _stepped(model: Model, items: Sequence[int]) -> HiddenState:
    state = model.replay(None, ())
    for item in items:
        snapshot = Snapshot(_CHAIN, model.replay(state, [item]))
        state = decode_snapshot(encode_snapshot(snapshot)).hidden
    return state


def _row(
    model: Model,
    compared: str,
    length: int,
    ours: Sequence[HiddenState],
    others: Sequence[HiddenState],
    logs: Sequence[Sequence[int]],
) -> Comparison:
    items = order = 0
    overlap, gap, distance = TOP, 0.0, 0.0
    spreads = []
    for mine, other, log in zip(ours, others, logs, strict=True):
        ranked = model.top(mine, (), DEEP, log)
        scores = {item.index: item.score for item in ranked}
        best, theirs = [item.index for item in ranked[:TOP]], [item.index for item in model.top(other, (), TOP, log)]
        strangers = set(theirs) - set(best)
        items += bool(strangers)
        order += best != theirs
        overlap = min(overlap, TOP - len(strangers))
        spreads.append(ranked[0].score - ranked[TOP - 1].score)
        gap = max([gap, *(ranked[TOP - 1].score - scores.get(item, ranked[-1].score) for item in strangers)])
        distance = max(distance, float(np.linalg.norm(mine - other) / np.linalg.norm(mine)))
    count = len(ours)
    return Comparison(compared, length, count, items / count, order / count, overlap, gap, median(spreads), distance)


def _long_sessions(model: Model, length: int) -> Iterator[list[int]]:
    """Yield item indices of sessions, joined until they have `length` events."""
    joined: list[int] = []
    for session in Shop().sessions(10**9, seed=SEED):
        joined += model.vocabulary.indices(session.item_ids)
        if len(joined) >= length:
            yield joined[:length]
            joined = []


if __name__ == "__main__":
    main()

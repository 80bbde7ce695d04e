"""How often a hidden state that remembers more than the window of 64 recommends otherwise than one rebuilt from it.

A snapshot goes on from the one before it, so it remembers a session's every event; a rebuild knows the newest 64.
Sessions of the shop simulator have at most 30 events, so several are joined to one: visitors who never leave.

*Memory*: all events against the newest 64, both stepped in one go. *Storing*: all events stepped one by one with a
stored snapshot after each, as requests do, against all events in one go. *As served*: the former against the newest 64
in one go, which is what a lost snapshot brings.
Demo model. `python -m bench.store.window_effect [--sessions 4000 --json PATH]`
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

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
"""Events that a session has when both ways are asked: barely beyond the window, and far."""
STEPPED = 4
"""One in so many sessions is also stepped event by event, which takes far longer."""
DEEP = 100
"""Places in which an item that only one way recommends is looked for in the other's ranking."""
SEED = 64
_CHAIN = bytes(CHAIN_BYTES)


@dataclass(frozen=True)
class Row:
    """One comparison at one length of session.

    Attributes:
        compared: memory, storing, or as served.
        length: events in the session.
        sessions: how many were compared.
        other_items: share of them whose top 20 holds other items.
        other_order: share of them whose top 20 is other in items or order.
        worst_overlap: fewest of the 20 that both ways found.
        worst_gap: the most that an item of the other top 20 scores below this one's 20th place (logits).
        spread: median distance of the 1st from the 20th place (logits), to hold the gap against.
        worst_state: greatest difference of the hidden states, relative to the state's length.
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=4000)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    model = Model(open_artifact(demo_artifact()))
    rows = [row for length in LENGTHS for row in _compare(model, length, arguments.sessions)]
    columns = "events", "sessions", "other items", "other order", "overlap", "gap", "state"
    table = Table("", *columns, title=f"Top {TOP} of sessions beyond the window; overlap, gap and state are the worst")
    for row in rows:
        shares = f"{row.other_items:.2%}", f"{row.other_order:.2%}"
        worst = f"{row.worst_overlap}", f"{row.worst_gap:.3f}", f"{row.worst_state:.0e}"
        table.add_row(row.compared, str(row.length), f"{row.sessions:,}", *shares, *worst)
    Console().print(table)
    Console().print(f"For the gap: the 1st place scores {median(row.spread for row in rows):.1f} above the 20th.")
    if arguments.json:
        write_json({"rows": [asdict(row) for row in rows]}, arguments.json)


def _compare(model: Model, length: int, sessions: int) -> list[Row]:
    whole, window, stepped = [], [], []
    asked = []  # what the session memory is asked by, if the model has one: the log, the same for both
    for number, items in enumerate(islice(_long_sessions(model, length), sessions)):
        whole.append(model.replay(None, items))
        asked.append(items[-WINDOW:])
        window.append(model.replay(None, items[-WINDOW:]))
        if number < sessions // STEPPED:
            stepped.append(_stepped(model, items))
    some = len(stepped)
    return [
        _row(model, "memory", length, whole, window, asked),
        _row(model, "storing", length, stepped, whole[:some], asked[:some]),
        _row(model, "as served", length, stepped, window[:some], asked[:some]),
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
) -> Row:
    items = order = 0
    overlap, gap, distance = TOP, 0.0, 0.0
    spreads = []
    for mine, other, log in zip(ours, others, logs, strict=True):
        ranked = model.top(mine, (), DEEP, log)
        scores = {one.index: one.score for one in ranked}
        best, theirs = [one.index for one in ranked[:TOP]], [one.index for one in model.top(other, (), TOP, log)]
        strangers = set(theirs) - set(best)
        items += bool(strangers)
        order += best != theirs
        overlap = min(overlap, TOP - len(strangers))
        spreads.append(ranked[0].score - ranked[TOP - 1].score)
        gap = max([gap, *(ranked[TOP - 1].score - scores.get(item, ranked[-1].score) for item in strangers)])
        distance = max(distance, float(np.linalg.norm(mine - other) / np.linalg.norm(mine)))
    count = len(ours)
    return Row(compared, length, count, items / count, order / count, overlap, gap, median(spreads), distance)


def _long_sessions(model: Model, length: int) -> Iterator[list[int]]:
    """Yield item indices of sessions that are joined until they have `length` events."""
    joined: list[int] = []
    for session in Shop().sessions(10**9, seed=SEED):
        joined += model.vocabulary.indices(session.item_ids)
        if len(joined) >= length:
            yield joined[:length]
            joined = []


if __name__ == "__main__":
    main()

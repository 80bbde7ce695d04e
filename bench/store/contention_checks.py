"""Whether the answers that clients got and the session that the store has tell one story. Knows no stack, no HTTP.

Each event that was new took the session's length from n - 1 to n in one atomic step, and its answer says n: so the
lengths of all such answers are 1, 2, 3 and so on, and give the order in which the store took the events.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import WINDOW, SessionRecord

TOP = 20
STATE_TOLERANCE = 1e-2
"""Relative difference of two hidden states of which one remembers what the window of the other has lost."""
REPLAYED = 512
"""Events of the clean replay: all taken after the last late one, so their order is known, and far beyond the window."""


@dataclass(frozen=True)
class Sent:
    """An event as a client sends it; with its time or without."""

    event_id: str
    item_id: str
    stamped: bool


@dataclass(frozen=True)
class Answered:
    """An event and its answer: status (or ``not stored``), the session's length after it, and the time it took."""

    sent: Sent
    status: str
    length: int
    milliseconds: float


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what was found."""

    name: str
    found: str
    holds: bool


def checks(answers: Sequence[Answered], record: SessionRecord, top: Sequence[str], model: Model) -> list[Check]:
    """Check answers and session.

    Args:
        answers: every answer that a client got, in any order.
        record: the session at the end.
        top: the last recommendations that the API gave for it, best first.
        model: the model that served.
    """
    new = sorted((one for one in answers if one.status in {"applied", "late"}), key=lambda one: one.length)
    return [*_of_answers(answers, new), *_of_log(new, record), *_of_state(new, record, top, model)]


def _of_answers(answers: Sequence[Answered], new: Sequence[Answered]) -> list[Check]:
    counted = Counter(one.status for one in answers)
    distinct = len({one.sent.event_id for one in answers})
    times = Counter(one.sent.event_id for one in new)
    said = ", ".join(f"{count:,} {status}" for status, count in counted.most_common())
    once = len(times) == distinct == len(new)
    lengths = [one.length for one in new] == list(range(1, len(new) + 1))
    return [
        Check("every event was stored", said, not counted["not stored"]),
        Check("each event id is new once, else a duplicate", f"{len(times):,} of {distinct:,} ids, {len(new):,}", once),
        Check("the answers' lengths are 1, 2, 3, ...", f"{len(new):,} answers", lengths),
    ]


def _of_log(new: Sequence[Answered], record: SessionRecord) -> list[Check]:
    names = {event_tag(one.sent.event_id): one for one in new}
    log = [names.get(entry.tag) for entry in record.log]
    known = [one for one in log if one is not None]
    distinct = len({one.sent.event_id for one in known})
    chained = all(
        entry.chain == next_chain(before.chain, entry.tag, entry.item_id.encode())
        for before, entry in zip(record.log, record.log[1:], strict=False)
    )
    taken = [one.length for one in known if one.status == "applied"]
    items = all(
        one is not None and one.sent.item_id == entry.item_id for one, entry in zip(log, record.log, strict=True)
    )
    ordered = taken == sorted(taken)
    timed = [entry.at for entry in record.log] == sorted(entry.at for entry in record.log)
    return [
        Check("the length is that of the distinct events", f"{record.length:,}", record.length == len(new)),
        Check("the log has each of its events once", f"{distinct} in {len(log)}", distinct == len(log) == WINDOW),
        Check("each with its own item", f"{len(log)} entries", items),
        Check("in the order of the answers", f"{len(taken)} applied ones", ordered and timed),
        Check("each chained to the one before", f"{len(record.log) - 1} links", chained),
    ]


def _of_state(new: Sequence[Answered], record: SessionRecord, top: Sequence[str], model: Model) -> list[Check]:
    start, pending = record.replay_from()
    last_late = max((one.length for one in new if one.status == "late"), default=0)
    clean = [one.sent.item_id for one in new[max(last_late, len(new) - REPLAYED) :]]
    served = model.replay(start, model.vocabulary.indices(entry.item_id for entry in pending))
    replayed = model.replay(None, model.vocabulary.indices(clean))
    rebuilt = model.replay(None, model.vocabulary.indices(entry.item_id for entry in record.log))
    items = record.item_ids
    best, of_window = _top(model, replayed, items), _top(model, rebuilt, items)
    same = f"{len(set(top) & set(best))} of {TOP} items, "
    far, near = _distance(served, replayed), _distance(served, rebuilt)
    return [
        Check("a snapshot stands in the log", f"{len(pending)} events after it", start is not None),
        Check(f"state as by a clean replay of {len(clean)}", f"relative {far:.1e}", far <= STATE_TOLERANCE),
        Check(
            f"last top {TOP} as by that replay",
            same + ("same order" if list(top) == best else "other order"),
            set(top) == set(best),
        ),
        Check(f"state as rebuilt from the {WINDOW}", f"relative {near:.1e}", near <= STATE_TOLERANCE),
        Check(
            f"last top {TOP} as rebuilt",
            f"{len(set(top) & set(of_window))} of {TOP} items",
            set(top) == set(of_window),
        ),
    ]


def _top(model: Model, hidden: HiddenState, items: Sequence[str]) -> list[str]:
    session = model.vocabulary.indices(items)
    return [model.vocabulary.item_id(one.index) for one in model.top(hidden, (), TOP, session)]


def _distance(one: HiddenState, other: HiddenState) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))

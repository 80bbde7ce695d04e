"""Check that the answers of all clients agree with the session in the store.

Each new event increased the session's length from n - 1 to n in one atomic step, and its answer says n. So the lengths
in all such answers are 1, 2, 3 and so on, and give the order in which the store received the events.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import WINDOW, SessionKey, SessionRecord

TOP = 20
STATE_TOLERANCE = 1e-2
"""Relative difference of two hidden states, one of which depends on events before the window of the other."""
REPLAYED = 512
"""Maximum events of the replay: after the last late one, so that their order is known, and far more than a window."""


@dataclass(frozen=True)
class Sent:
    """An event that a client sends, with or without its time."""

    event_id: str
    item_id: str
    stamped: bool


@dataclass(frozen=True)
class Answered:
    """An event and its answer: status (or ``not stored``), the session's length after it, and the latency."""

    sent: Sent
    status: str
    length: int
    milliseconds: float


@dataclass(frozen=True)
class Check:
    """One condition, the finding, and whether it holds."""

    name: str
    finding: str
    holds: bool


def checks(
    key: SessionKey, answers: Sequence[Answered], record: SessionRecord, top: Sequence[str], model: Model
) -> list[Check]:
    """Check answers and session.

    Args:
        key: the session's key.
        answers: all answers, in any order.
        record: the session at the end.
        top: the last recommendations of the API, best first.
        model: the served model.
    """
    new = sorted(
        (answer for answer in answers if answer.status in {"applied", "late"}), key=lambda answer: answer.length
    )
    return [*_of_answers(answers, new), *_of_log(key, new, record), *_of_state(new, record, top, model)]


def _of_answers(answers: Sequence[Answered], new: Sequence[Answered]) -> list[Check]:
    counted = Counter(answer.status for answer in answers)
    distinct = len({answer.sent.event_id for answer in answers})
    times = Counter(answer.sent.event_id for answer in new)
    said = ", ".join(f"{count:,} {status}" for status, count in counted.most_common())
    once = len(times) == distinct == len(new)
    lengths = [answer.length for answer in new] == list(range(1, len(new) + 1))
    return [
        Check("every event was stored", said, not counted["not stored"]),
        Check("each event id is new once, then a duplicate", f"{len(times):,} of {distinct:,} ids, {len(new):,}", once),
        Check("the answers' lengths are 1, 2, 3, ...", f"{len(new):,} answers", lengths),
    ]


def _of_log(key: SessionKey, new: Sequence[Answered], record: SessionRecord) -> list[Check]:
    names = {event_tag(key.hash_key, answer.sent.event_id): answer for answer in new}
    log = [names.get(entry.tag) for entry in record.log]
    known = [answer for answer in log if answer is not None]
    distinct = len({answer.sent.event_id for answer in known})
    chained = all(
        entry.chain == next_chain(before.chain, entry.tag, entry.item_id, entry.type)
        for before, entry in zip(record.log, record.log[1:], strict=False)
    )
    taken = [answer.length for answer in known if answer.status == "applied"]
    items = all(
        answer is not None and answer.sent.item_id == entry.item_id
        for answer, entry in zip(log, record.log, strict=True)
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
    last_late = max((answer.length for answer in new if answer.status == "late"), default=0)
    clean = [answer.sent.item_id for answer in new[max(last_late, len(new) - REPLAYED) :]]
    served = model.replay(start, model.vocabulary.indices(entry.item_id for entry in pending))
    replayed = model.replay(None, model.vocabulary.indices(clean))
    rebuilt = model.replay(None, model.vocabulary.indices(entry.item_id for entry in record.log))
    items = record.item_ids
    best, of_window = _top(model, replayed, items), _top(model, rebuilt, items)
    same = f"{len(set(top) & set(best))} of {TOP} items, "
    far, near = _distance(served, replayed), _distance(served, rebuilt)
    # After fewer events than a window the network still knows what came before them, which such a replay leaves out.
    tells = len(clean) >= WINDOW
    return [
        Check("the snapshot belongs to the log", f"{len(pending)} events after it", start is not None),
        Check(
            f"state like a replay of {len(clean)} events",
            f"relative {far:.1e}" if tells else f"relative {far:.1e}, fewer events than a window: not judged",
            far <= STATE_TOLERANCE or not tells,
        ),
        Check(
            f"last top {TOP} like that replay",
            same + ("same order" if list(top) == best else "other order"),
            set(top) == set(best) or not tells,
        ),
        Check(f"state like a replay of the window of {WINDOW}", f"relative {near:.1e}", near <= STATE_TOLERANCE),
        Check(
            f"last top {TOP} like that replay of the window",
            f"{len(set(top) & set(of_window))} of {TOP} items",
            set(top) == set(of_window),
        ),
    ]


def _top(model: Model, hidden: HiddenState, items: Sequence[str]) -> list[str]:
    session = model.vocabulary.indices(items)
    return [model.vocabulary.item_id(item.index) for item in model.top(hidden, (), TOP, session)]


def _distance(one: HiddenState, other: HiddenState) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))

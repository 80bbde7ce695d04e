"""Which sessions count: as a plain reading of the rules finds them, and through the files of a lake."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.experiments.assignment import AssignedSessions
from model_export.experiments.decide import Rules
from model_export.experiments.live_sessions import epoch_ms, session_sums, sums_between
from model_export.experiments.records import LookSums, Record, ShareChange, Timing
from model_export.lake.reader import LakeSessions
from nextitem.registry.experiment import CHALLENGER, CHAMPION, Kind
from tests.model_export.lake.test_reader import record as lake_record
from tests.model_export.lake.test_reader import write_lake
from tests.nextitem.parts import STEADY

A, B, OTHER = (f"v{digit * 16}" for digit in "abc")
START = datetime(2026, 1, 31, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMING = Timing(idle=600, delay=0, settle=60, longest=7_200)


def experiment(metric: str = "hit_rate", *changes: int) -> Record:
    """Return an experiment whose share changes at its start and some minutes later."""
    shares = tuple(ShareChange(START + minutes * MINUTE, 0.1 * (1 + minutes)) for minutes in (0, *changes))
    rules = Rules(metric=metric)  # type: ignore[arg-type]
    kind: Kind = "interleaving" if metric == "preference" else "canary"
    return Record("e0123456789ab", "live", A, B, kind, rules, TIMING, ("purchase",), START, shares)


ROW = st.tuples(
    st.sampled_from([*[(CHAMPION, A), (CHALLENGER, B)] * 5, (CHAMPION, OTHER), (CHALLENGER, A), ("", "")]),
    st.sampled_from([float("nan"), float("inf"), 1.0, 20.0, 21.0]),
    st.booleans(),
    st.sampled_from(["view", "purchase"]),
    st.sampled_from(["champion", "challenger", ""]),
)
SESSION = st.tuples(
    st.integers(-20, 60),
    st.integers(0, 15),
    st.one_of(
        st.lists(ROW, min_size=1, max_size=4), st.tuples(ROW, st.integers(1, 3)).map(lambda part: [part[0]] * part[1])
    ),
)
METRIC = st.sampled_from(["hit_rate", "reciprocal_rank", "clicked", "converted", "preference"])


def columns(sessions: list[tuple[int, int, list[tuple[tuple[str, str], float, bool, str, str]]]]) -> LakeSessions:
    """Return the columns of sessions, each with the minute of its begin, its length in minutes, and its events."""
    rows = [
        (f"s{name}", START + begun * MINUTE, START + (begun + lasts) * MINUTE, *event)
        for name, (begun, lasts, events) in enumerate(sessions)
        for event in events
    ]

    def column(at: int, dtype: type) -> Any:
        return np.array([row[at] for row in rows], dtype)

    return LakeSessions(
        session=column(0, np.str_),
        began=np.array([epoch_ms(row[1]) for row in rows], np.int64),
        last=np.array([epoch_ms(row[2]) for row in rows], np.int64),
        item_id=np.full(len(rows), "item"),
        type=column(6, np.str_),
        version=np.array([row[3][1] for row in rows], np.str_),
        variant=np.array([row[3][0] for row in rows], np.str_),
        occurred_at=np.zeros(len(rows), np.int64),
        rank=column(4, np.float64),
        clicked=column(5, np.bool_),
        team=column(7, np.str_),
        too_long=3,
    )


def outcome(events: list[tuple[tuple[str, str], float, bool, str, str]], metric: str) -> float | None:
    """Return the outcome of a session, by its definition; None without one."""
    ranks = [rank for _, rank, *_ in events if rank == rank]  # noqa: PLR0124 - not NaN
    chosen = [team for _, rank, clicked, _, team in events if team and (clicked or rank < float("inf"))]
    match metric:
        case "clicked":
            return float(any(clicked for _, _, clicked, *_ in events))
        case "converted":
            return float(any(kind == "purchase" for *_, kind, _ in events))
        case "preference":
            return chosen.count("challenger") / len(chosen) if chosen else None
        case "hit_rate":
            return sum(rank <= 20 for rank in ranks) / len(ranks) if ranks else None
    return sum(1 / rank for rank in ranks if rank <= 20) / len(ranks) if ranks else None


@STEADY
@given(sessions=st.lists(SESSION, max_size=12), metric=METRIC, change=st.integers(1, 60))
@pytest.mark.slow
def test_sums_are_those_of_a_plain_reading(
    sessions: list[tuple[int, int, list[tuple[tuple[str, str], float, bool, str, str]]]], metric: str, change: int
) -> None:
    expected: dict[str, list[float]] = defaultdict(list)
    assigned = {0.1: [0, 0], 0.1 * (1 + change): [0, 0]}
    under_way = in_both = no_outcome = 0
    for begun, lasts, events in sessions:
        # Under way from its begin to its end, which comes ten minutes after its last event; functions need a minute
        if any(begun < at + 1 and begun + lasts + 10 > at for at in (0, change)):
            under_way += 1
            continue
        arms = {arm for arm, *_ in events}
        if arms not in ({(CHAMPION, A)}, {(CHALLENGER, B)}):
            in_both += 1
            continue
        arm, value = arms.pop(), outcome(events, metric)
        assigned[0.1 if begun < change else 0.1 * (1 + change)][arm == (CHALLENGER, B)] += 1
        if metric == "preference" and arm == (CHAMPION, A):
            continue
        if value is None:
            no_outcome += 1
        else:
            expected[CHAMPION if arm == (CHAMPION, A) else CHALLENGER].append(value)
    if metric == "preference":
        expected[CHAMPION] = [1 - share for share in expected[CHALLENGER]]

    champion, challenger, parts, left_out = session_sums(columns(sessions), experiment(metric, change))

    for sums, values in ((champion, expected[CHAMPION]), (challenger, expected[CHALLENGER])):
        by_hand = (len(values), sum(values), sum(value**2 for value in values))
        assert msgspec.structs.astuple(sums) == pytest.approx(by_hand)
    assert msgspec.structs.astuple(left_out) == (under_way, in_both, 3, no_outcome)
    assert parts == tuple(AssignedSessions(share, *arms) for share, arms in assigned.items() if any(arms))


def test_a_click_credits_a_team_without_a_rank() -> None:
    clicked = [(5, 1, [((CHALLENGER, B), float("nan"), True, "view", "challenger")])]
    assert session_sums(columns(clicked), experiment("preference")).challenger == LookSums(1.0, 1.0, 1.0)


def test_sessions_come_from_the_files_of_the_lake(tmp_path: Path) -> None:
    # GIVEN a lake with a session of each arm, one of both, and one that began before the experiment
    def events(name: str, minutes: int, *variants: str) -> list[object]:
        at = [epoch_ms(START + (minutes + number) * MINUTE) for number in range(len(variants))]
        return [
            lake_record(
                name,
                at[number],
                number,
                variant=variant,
                version=A if variant == CHAMPION else B,
                judged_version=A if variant == CHAMPION else B,
                judged_variant=variant,
                rank=[None, 1, 0][number],
            )
            for number, variant in enumerate(variants)
        ]

    rows = [
        *events("champion", 5, *[CHAMPION] * 3),
        *events("challenger", 6, *[CHALLENGER] * 2),
        *events("both", 7, CHAMPION, CHALLENGER),
        *events("early", -5, *[CHAMPION] * 3),
    ]
    # WHEN a look reads the first half hour
    lake = write_lake(tmp_path, rows)  # type: ignore[arg-type]
    champion, challenger, assigned, left_out = sums_between(lake, experiment(), START, START + 30 * MINUTE)
    # THEN two of them count
    assert champion == LookSums(1.0, 0.5, 0.25)
    assert challenger == LookSums(1.0, 1.0, 1.0)
    assert assigned == (AssignedSessions(0.1, 1, 1),)
    assert (left_out.under_way, left_out.in_both_arms) == (1, 1)

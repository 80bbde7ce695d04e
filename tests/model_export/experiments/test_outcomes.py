"""From events to one outcome a session, and to sums by look."""

import numpy as np
import pytest

from model_export.experiments.outcomes import EventRows, SessionOutcomes, session_outcomes, sums_by_look

NO_ANSWER, MISS = np.nan, np.inf


def rows(*events: tuple[str, bool, float, bool, str]) -> EventRows:
    session, challenger, rank, clicked, kind = zip(*events, strict=True)
    return EventRows(np.array(session), np.array(challenger), np.array(rank), np.array(clicked), np.array(kind))


def outcomes() -> SessionOutcomes:
    return session_outcomes(
        rows(
            ("b", True, MISS, False, "view"),
            ("a", False, NO_ANSWER, False, "view"),
            ("a", False, 2.0, True, "view"),
            ("b", True, NO_ANSWER, False, "view"),
            ("a", False, 21.0, True, "purchase"),
            ("c", True, NO_ANSWER, False, "cart"),
            ("b", True, 20.0, False, "cart"),
            ("b", True, 1.0, False, "cart"),
            ("d", True, 1.0, True, "view"),
            ("d", False, 1.0, True, "view"),
        )
    )


def test_a_session_gives_one_outcome_of_each_metric() -> None:
    found = outcomes()
    assert found.session.tolist() == ["a", "b", "c"]
    assert found.challenger.tolist() == [False, True, True]
    # a: places 2 and 21. b: a miss, places 20 and 1. c: no event after an answer
    assert found.hit_rate.tolist() == pytest.approx([1 / 2, 2 / 3, np.nan], nan_ok=True)
    assert found.reciprocal_rank.tolist() == pytest.approx([1 / 4, (1 / 20 + 1) / 3, np.nan], nan_ok=True)
    assert found.clicked.tolist() == [1, 0, 0]
    assert found.converted.tolist() == [1, 0, 0]


def test_a_session_of_both_arms_is_left_out_and_counted() -> None:
    assert "d" not in outcomes().session
    assert outcomes().in_both_arms == 1


def test_a_shop_names_its_conversions() -> None:
    events = rows(("a", False, NO_ANSWER, False, "cart"), ("b", False, NO_ANSWER, False, "purchase"))
    assert session_outcomes(events, {"cart"}).converted.tolist() == [1, 0]


def test_sums_by_look_count_only_sessions_with_the_outcome() -> None:
    # GIVEN that session a ended before the first look, b and c before the third
    look = np.array([0, 2, 2])
    # WHEN hit rates are summed THEN c, which has none, does not count
    champion, challenger = sums_by_look(outcomes(), "hit_rate", look, looks=3)
    assert [column.tolist() for column in champion] == [[1, 0, 0], [0.5, 0, 0], [0.25, 0, 0]]
    assert [column.tolist() for column in challenger] == [[0, 0, 1], [0, 0, 2 / 3], [0, 0, 4 / 9]]
    # AND where clicks are summed, it counts without one
    _, challenger = sums_by_look(outcomes(), "clicked", look, looks=3)
    assert [column.tolist() for column in challenger] == [[0, 0, 2], [0, 0, 0], [0, 0, 0]]


def test_no_events_are_no_sessions() -> None:
    none = EventRows(
        np.array([], np.str_), np.array([], np.bool_), np.array([]), np.array([], np.bool_), np.array([], np.str_)
    )
    champion, challenger = sums_by_look(session_outcomes(none), "hit_rate", np.array([], np.int64), looks=2)
    assert champion.sessions.tolist() == challenger.sessions.tolist() == [0, 0]

"""The report of a replay."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from devstack.lambda_runtime.worker import ColdStart
from devstack.replay.report import errors_text, percentile, print_samples, replay_table, server_errors
from devstack.replay.shoppers import Call, Visit


def call(milliseconds: float = 1.0, status: int = 200, recommended: tuple[str, ...] = ()) -> Call:
    return Call(milliseconds, status, "session" if status == 200 else None, recommended)


def printed(*renderables: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    for renderable in renderables:
        console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_hit_is_a_next_item_in_the_previous_recommendation() -> None:
    visit = Visit(("a", "b", "c"), (call(recommended=("b",)), call(recommended=("b", "x")), call(recommended=("c",))))
    assert visit.hits() == [True, False]


def test_a_return_to_a_seen_item_is_neither_hit_nor_miss() -> None:
    calls = (call(recommended=("b",)), call(recommended=("c",)), call(recommended=("a", "b")), call())
    assert Visit(("a", "b", "a", "b"), calls).hits() == [True]
    assert "HR@20" in printed(replay_table([Visit(("a", "a"), calls)], []))
    assert "none next items" not in printed(replay_table([Visit(("a", "a"), calls)], []))


def test_the_table_has_every_figure() -> None:
    calls = [call(float(ms), recommended=("b",)) for ms in range(1, 100)] + [call(100.0, 503)]
    visits = [Visit(("a", "b"), (calls[n], calls[n + 1])) for n in range(0, 100, 2)]
    cold_starts = [ColdStart(1, 200.0, 250.0), ColdStart(2, 300.0, 350.0)]

    rows = [
        [cell.strip() for cell in line.split("│")[1:3]]
        for line in printed(replay_table(visits, cold_starts)).split("\n")
        if "│" in line
    ]

    assert dict(rows) == {
        "requests": "100",
        "p50": "50.0 ms",
        "p95": "95.0 ms",
        "p99": "99.0 ms",
        "cold starts": "2",
        "spawned to ready": "200 ms, at most 300 ms",
        "spawned to first answer": "250 ms, at most 350 ms",
        "served by": "session 99.0%",
        "errors": "1 x 503",
        "HR@20": "1.000 of 50 next items new to their session",
    }
    assert server_errors(visits) == 1


def test_a_refused_call_is_no_server_error() -> None:
    calls = (call(), call(status=422), call(status=422), call(status=500))
    assert errors_text(calls) == "2 x 422, 1 x 500"
    assert errors_text(calls[:1]) == "none"
    assert server_errors([Visit((), calls)]) == 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[float], percent: int) -> None:
    result = percentile(values, percent)
    assert result in values
    assert sum(value <= result for value in values) * 100 >= percent * len(values)
    assert sum(value < result for value in values) * 100 < percent * len(values)


def test_samples_show_names_without_interpreting_markup() -> None:
    visit = Visit(("t-1", "t-2", "t-3"), (call(), call(), call(recommended=("t-4", "t-5"))))
    console = Console(file=io.StringIO(), width=100)

    print_samples(console, [visit], {"t-1": "Green tea", "t-4": "Pot [bold] 1 l"})

    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "Green tea (t-1)" in text
    assert "1 Pot [bold] 1 l (t-4)" in text
    assert "2 t-5 (t-5)" in text

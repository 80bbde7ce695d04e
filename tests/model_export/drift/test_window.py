"""A window has the sessions that began in it, each with all of its events, in the order of its log."""

from pathlib import Path

import pytest

from model_export.drift.window import Span, read_window
from model_export.lake.records import HOUR_MS, IDLE_MS, Record
from tests.model_export.handmade import events_of
from tests.model_export.lake.test_reader import START, record, write_lake

SINCE, UNTIL = START, START + HOUR_MS
SPAN = Span(SINCE, UNTIL)


def events(session: str, *times: int, **values: object) -> list[Record]:
    return [record(session, at, number, item_id=f"{session}{number}", **values) for number, at in enumerate(times)]


def test_sessions_belong_to_the_window_in_which_they_began(tmp_path: Path) -> None:
    lake = write_lake(
        tmp_path,
        [
            *events("begun", SINCE - 1, SINCE + 1),
            *events("first", SINCE, UNTIL - 1),
            *events("last", UNTIL - 1, UNTIL + IDLE_MS - 1),
            *events("next", UNTIL),
            *events("old", SINCE - IDLE_MS - 1, SINCE + 9),
        ],
    )
    window = read_window(lake, SPAN)
    # the pause of "old" is long enough for a new session
    assert events_of(window.sessions) == [["first0", "first1"], ["old1"], ["last0", "last1"]]
    assert window.sessions.times[0] == SINCE / 1000
    assert window.span.earlier(HOUR_MS) == Span(SINCE - HOUR_MS, SINCE)


def test_events_are_in_the_order_of_the_log(tmp_path: Path) -> None:
    lake = write_lake(
        tmp_path,
        [
            record("s", SINCE + 5, 10, item_id="c", occurred_at=SINCE + 1),
            record("s", SINCE + 5, 9, item_id="b", occurred_at=SINCE + 1),
            record("s", SINCE + 9, 1, item_id="a", occurred_at=SINCE, type="cart", late=True),
        ],
    )
    assert events_of(read_window(lake, SPAN).sessions) == [["a:cart", "b", "c"]]


def test_answers_are_judged_by_version(tmp_path: Path) -> None:
    def judged(name: str, *ranks: int | None, version: str = "v1") -> list[Record]:
        values = {"judged_version": version, "judged_variant": "main"}
        return [
            record(name, SINCE + at, at, rank=rank, **values if rank is not None else {})
            for at, rank in enumerate(ranks)
        ]

    lake = write_lake(tmp_path, [*judged("a", None, 1, 20, 21, 0), *judged("b", 3, version="v2")])
    found = read_window(lake, SPAN).judged
    assert found.names == (("v1", "main"), ("v2", "main"))
    assert [(*row,) for row in zip(found.owners, found.versions, found.hits, strict=True)] == [
        *((0, 0, hit) for hit in (1, 1, 0, 0)),
        (1, 1, 1),
    ]


@pytest.mark.parametrize("records", [[], events("later", UNTIL)])
def test_an_empty_window_has_no_sessions(tmp_path: Path, records: list[Record]) -> None:
    window = read_window(write_lake(tmp_path, records), SPAN)
    assert (len(window.sessions), len(window.judged.owners), window.judged.names) == (0, 0, ())

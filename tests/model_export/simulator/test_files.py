"""Files of sessions and products: their content, and that they are whole or absent."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_export.simulator import Session, Shop
from model_export.simulator.files import write_events


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_events_read_back_as_they_were(shop: Shop, tmp_path: Path) -> None:
    sessions = list(shop.sessions(50, seed=1))
    path = tmp_path / "events.csv"
    count = write_events(path, sessions)
    read = rows(path.read_text(encoding="utf-8"))
    assert count == len(read)
    assert [(row["session_id"], row["item_id"], float(row["timestamp"])) for row in read] == [
        (session.session_id, item_id, time)
        for session in sessions
        for item_id, time in zip(session.item_ids, session.times, strict=True)
    ]


def test_with_types_every_action_is_a_row_in_the_order_of_time(shop: Shop, tmp_path: Path) -> None:
    sessions = list(shop.sessions(50, seed=1))
    path = tmp_path / "events.csv"
    count = write_events(path, sessions, types=True)
    read = rows(path.read_text(encoding="utf-8"))
    assert count == len(read) == sum(len(session.item_ids) + len(session.actions) for session in sessions)
    for session in sessions:
        own = [row for row in read if row["session_id"] == session.session_id]
        assert sorted(own, key=lambda row: float(row["timestamp"])) == own
        assert tuple(row["item_id"] for row in own if row["type"] == "view") == session.item_ids
        assert [(row["item_id"], float(row["timestamp"]), row["type"]) for row in own if row["type"] != "view"] == [
            *session.actions
        ]


def test_a_gz_name_packs_the_same_rows_into_the_same_bytes(shop: Shop, tmp_path: Path) -> None:
    plain, packed, renamed = tmp_path / "e.csv", tmp_path / "one.csv.gz", tmp_path / "two.csv.gz"
    for path in (plain, packed, renamed):
        write_events(path, shop.sessions(50, seed=1))
    assert packed.read_bytes() == renamed.read_bytes()
    assert packed.read_bytes()[4:8] == bytes(4)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("name", ["events.csv", "events.csv.gz"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(shop: Shop, tmp_path: Path, name: str) -> None:
    # GIVEN a file, and sessions that break off after the tenth
    path = tmp_path / name
    write_events(path, shop.sessions(3, seed=1))
    before = path.read_bytes()

    def broken() -> Iterator[Session]:
        yield from shop.sessions(10, seed=2)
        raise RuntimeError("no more shoppers")

    # WHEN they are written to it THEN the error is raised and the folder is unchanged
    with pytest.raises(RuntimeError, match="no more shoppers"):
        write_events(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_sessions_make_a_file_with_only_its_header(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    assert write_events(path, ()) == 0
    assert path.read_text(encoding="utf-8") == "session_id,item_id,timestamp\n"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_events(tmp_path / "missing" / "events.csv", ())

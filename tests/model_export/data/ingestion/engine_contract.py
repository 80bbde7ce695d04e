"""The results of a preparation, the same on every engine; subclasses give `engine`."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.pipeline import Removed
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from nextitem.errors import InputError
from tests.model_export.data.ingestion.preparing import DAY, FIRST_DAY, Row, run, sides, write_csv, write_parquet

EVERYTHING = PrepareConfig(min_support=1, min_session=1, test_days=1)
BY_USER = Layout(user="session_id", gap_minutes=30)


def days(*sessions: tuple[str, int, str]) -> list[Row]:
    """Events of sessions: id, day, and items one second apart."""
    return [
        (name, item, FIRST_DAY + day * DAY + second)
        for name, day, items in sessions
        for second, item in enumerate(items.split())
    ]


class EngineContract:
    """Cutting, splitting and filtering, seen from the files that come out."""

    def test_the_last_days_are_test(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN sessions on three days, one of which runs past midnight
        rows = [*days(("a", 0, "x y"), ("b", 1, "y x")), ("b", "z", FIRST_DAY + 2 * DAY), *days(("c", 2, "x y"))]
        # WHEN the last day is test
        prepared = run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", EVERYTHING)
        # THEN a session belongs to the day that it starts on
        train, test = sides(tmp_path / "out")
        assert train == {"a": ["x", "y"], "b": ["y", "x", "z"]}
        assert test == {"c": ["x", "y"]}
        assert (prepared.events, prepared.sessions, prepared.cutoff) == (7, 3, FIRST_DAY + 2 * DAY)

    def test_rare_items_and_short_sessions_go(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN an item that is frequent only with the test days, one that short sessions have, and one of test alone
        rows = days(
            ("a", 0, "x y rare"), ("b", 0, "y x"), ("one", 0, "z"), ("two", 1, "z"), ("left", 1, "x rare2"),
            ("t", 3, "rare x y"), ("u", 3, "y new"), ("v", 3, "x y x"),
        )  # fmt: skip
        # WHEN items need 2 training events and sessions 2 events
        config = PrepareConfig(min_support=2, min_session=2, test_days=1)
        prepared = run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", config)
        # THEN only training events count, those of short sessions do not, and sessions that became short are dropped
        train, test = sides(tmp_path / "out")
        assert train == {"a": ["x", "y"], "b": ["y", "x"]}
        assert test == {"t": ["x", "y"], "v": ["x", "y", "x"]}
        assert prepared.items == 2
        # AND the record says what each filter removed, and what it leaves
        assert prepared.removed == [
            Removed("sessions of fewer than 2 events", "train", 2, 2, 1),
            Removed("items of fewer than 2 events", "train", 0, 2, 2),
            Removed("sessions that became too short", "train", 1, 1, 0),
            Removed("items that train does not have", "test", 0, 2, 2),
            Removed("sessions of fewer than 2 events", "test", 1, 1, 0),
        ]
        left = prepared.train.events + prepared.test.events
        assert sum(removed.events for removed in prepared.removed) == prepared.events - left

    def test_users_are_cut_by_gaps(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a user whose events, out of order, pause for 30 minutes and then for a second more
        rows: list[Row] = [("u", f"i{at}", FIRST_DAY + at) for at in (3601, 0, 1800)]
        rows += days(("last", 1, "i0 i1800"))
        # WHEN they are cut
        config = PrepareConfig(layout=BY_USER, min_support=1, min_session=1, test_days=1)
        run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", config)
        # THEN only the longer pause starts a session
        assert sides(tmp_path / "out")[0] == {"u-1": ["i0", "i1800"], "u-2": ["i3601"]}

    def test_a_running_index_orders_and_has_no_gaps(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN twenty users and a running index
        rows: list[Row] = [(f"u{n % 20:02}", f"i{n % 7}", 10_000 * n) for n in range(60)]
        # WHEN they are prepared by user
        config = PrepareConfig(layout=BY_USER, min_support=1, min_session=1, test_days=3)
        run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", config)
        # THEN each user is one session, and the last tenth by start is test
        train, test = sides(tmp_path / "out")
        assert list(train) == [f"u{n:02}-1" for n in range(18)]
        assert list(test) == ["u18-1", "u19-1"]
        assert not read_sessions(tmp_path / "out" / "train.parquet").is_epoch

    def test_equal_starts_of_an_index_are_split_by_row(self, engine: Engine, tmp_path: Path) -> None:
        # The index of each of the ten sessions begins at 0.
        rows: list[Row] = [(f"s{n}", item, n_th) for n in reversed(range(10)) for n_th, item in enumerate("xy")]
        run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", EVERYTHING)
        assert list(sides(tmp_path / "out")[1]) == ["s0"]

    def test_sources_are_read_together(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a folder of CSV files, and a Parquet file with times as numbers
        folder = tmp_path / "many"
        write_csv(folder / "1.csv", [("a", "x", FIRST_DAY), ("b", "y", FIRST_DAY + DAY)])
        write_csv(folder / "2.csv", [("a", "y", FIRST_DAY + 1)])
        more = write_parquet(tmp_path / "e.parquet", [("b", "x", FIRST_DAY + DAY + 1)])
        # WHEN both are prepared
        run(engine, [folder, more], tmp_path / "out", EVERYTHING)
        # THEN sessions reach across them
        assert sides(tmp_path / "out") == ({"a": ["x", "y"]}, {"b": ["y", "x"]})

    def test_files_of_a_folder_must_be_alike(self, engine: Engine, tmp_path: Path) -> None:
        # A folder of files with columns in another order
        folder = tmp_path / "many"
        write_csv(folder / "1.csv", days(("a", 0, "x y")))
        swapped = [(item, owner, time) for owner, item, time in days(("b", 1, "x y"))]
        write_csv(folder / "2.csv", swapped, header="item_id,session_id,timestamp")
        with pytest.raises(InputError, match=r"2\.csv: has other columns than .*1\.csv, .*: name the files one by one"):
            run(engine, [folder], tmp_path / "out", EVERYTHING)
        # As the error says, they can be read one by one
        run(engine, sorted(folder.iterdir()), tmp_path / "out", EVERYTHING)
        assert sides(tmp_path / "out") == ({"a": ["x", "y"]}, {"b": ["x", "y"]})

    def test_bots_are_dropped_and_counted(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a session longer than is allowed, on a day of its own
        rows = days(("a", 0, "x y"), ("b", 1, "x y"), ("bot", 2, "x y x y"))
        config = PrepareConfig(min_support=1, max_session=3, test_days=1)
        # WHEN they are prepared
        prepared = run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", config)
        # THEN it is gone, and has no say in what the last day is
        assert prepared.too_long == 1
        assert prepared.removed[0] == Removed("sessions of more than 3 events", "", 1, 4, None)
        assert sides(tmp_path / "out") == ({"a": ["x", "y"]}, {"b": ["x", "y"]})

    def test_a_missing_column_is_named(self, engine: Engine, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "e.csv", days(("a", 0, "x y")), header="visit,item_id,timestamp")
        with pytest.raises(InputError, match=r"e\.csv: has no column 'session_id'; its columns are 'visit', 'item_id'"):
            run(engine, [path], tmp_path / "out", EVERYTHING)

    def test_a_row_of_another_length_is_refused(self, engine: Engine, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "e.csv", [*days(("a", 0, "x y"), ("b", 1, "x y")), ("c", "x,y", FIRST_DAY)])
        with pytest.raises(InputError):
            run(engine, [path], tmp_path / "out", EVERYTHING)

    def test_an_empty_side_is_refused(self, engine: Engine, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "e.csv", days(("a", 0, "x y"), ("b", 0, "x y")))
        with pytest.raises(InputError, match="the split leaves train empty"):
            run(engine, [path], tmp_path / "out", EVERYTHING)
        path = write_csv(tmp_path / "e2.csv", days(("a", 0, "x y"), ("b", 1, "z")))
        with pytest.raises(InputError, match="the filters leave test empty"):
            run(engine, [path], tmp_path / "out", EVERYTHING)

    def test_several_columns_make_one_session_id(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN session numbers that are unique only per user, and ids that would be equal if they were only joined
        path = tmp_path / "e.csv"
        lines = ["user,session_id,item_id,timestamp"]
        for owner, items in {("u", "1"): "ab", ("v", "1"): "cd", ("u|", "1"): "ef", ("u", "|1"): "gh"}.items():
            lines += [f"{owner[0]},{owner[1]},{item},{FIRST_DAY + n}" for n, item in enumerate(items)]
        lines += [f"last,1,{item},{FIRST_DAY + DAY}" for item in "ab"]
        path.write_text("\n".join(lines) + "\n")
        # WHEN both columns name a session
        config = replace(EVERYTHING, layout=Layout(session=("user", "session_id")))
        run(engine, [path], tmp_path / "out", config)
        # THEN no two sessions became one
        train, _ = sides(tmp_path / "out")
        assert sorted(train.values()) == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]

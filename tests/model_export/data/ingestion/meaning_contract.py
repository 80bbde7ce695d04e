"""Which events count, their order, and their summary, the same on every engine; subclasses give `engine`."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.figures import Gap, Heavy, Lengths
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Collapse, Layout
from model_export.data.split import split_by_time
from nextitem.errors import InputError
from tests.model_export.data.ingestion.engine_contract import EVERYTHING, days
from tests.model_export.data.ingestion.preparing import DAY, FIRST_DAY, Row, run, sides, write_csv
from tests.model_export.handmade import events_of, items_of


class MeaningContract:
    """Which events count, seen from the files that come out."""

    @pytest.mark.slow
    def test_events_of_one_time_come_in_the_order_of_a_hash(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN events of one time in two sessions, in two files
        items = ["z", "é", "Z", "\uff61", "\U0001f600", "a b", "q't", "~"]
        rows: list[Row] = [(name, item, FIRST_DAY) for item in items for name in ("b", "a")]
        write_csv(tmp_path / "in" / "1.csv", rows)
        write_csv(tmp_path / "in" / "2.csv", [("a", "last", FIRST_DAY), ("t", "z", FIRST_DAY + DAY)])
        # WHEN they are prepared
        run(engine, [tmp_path / "in"], tmp_path / "out", EVERYTHING)
        # THEN their order is that of MD5 over session, microsecond and item
        train = sides(tmp_path / "out")[0]
        for session, tied in (("b", items), ("a", [*items, "last"])):
            texts = {item: f"{session}|{FIRST_DAY}000000|{item}".encode() for item in tied}
            digests = {item: hashlib.md5(text, usedforsecurity=False).digest() for item, text in texts.items()}
            assert train[session] == sorted(tied, key=digests.__getitem__)
        # AND the catalogue is in the order of UTF-8 bytes
        catalogue = pq.read_table(tmp_path / "out" / "catalogue.parquet")["item_id"].to_pylist()
        assert catalogue == sorted([*items, "last"], key=str.encode)

    @pytest.mark.slow
    def test_only_events_of_the_kept_types_count(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN views, carts and a search without an item
        path = tmp_path / "e.csv"
        lines = ["session_id,item_id,timestamp,action"]
        for day, session in enumerate("ab"):
            lines += [
                f"{session},{item},{FIRST_DAY + day * DAY + n},{action}"
                for n, (item, action) in enumerate((("x", "view"), ("", "search"), ("x", "cart"), ("y", "view")))
            ]
        path.write_text("\n".join(lines) + "\n")
        # WHEN only views are kept
        config = replace(EVERYTHING, layout=Layout(type="action", keep=("view",)))
        prepared = run(engine, [path], tmp_path / "out", config)
        # THEN nothing else is read, not even checked
        assert sides(tmp_path / "out") == ({"a": ["x", "y"]}, {"b": ["x", "y"]})
        assert prepared.events == 4
        # AND types that no event has are refused, with those that events have
        config = replace(EVERYTHING, layout=Layout(type="action", keep=("purchase", "sale")))
        there = "'view' 4, 'cart' 2, 'search' 2"
        what = f"no event is of a type that --keep names ('purchase', 'sale'); the types are {there}"
        with pytest.raises(InputError, match=re.escape(what)):
            run(engine, [path], tmp_path / "refused", config)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("collapse", "expected"),
        [("nothing", "x x x y x"), ("duplicates", "x x y x"), ("repeats", "x y x"), (None, "x y x")],
    )
    def test_what_repeats_the_event_before_is_dropped(
        self, engine: Engine, tmp_path: Path, collapse: Collapse | None, expected: str
    ) -> None:
        # GIVEN an event that is there twice, a repeat a second later, and a return after another item
        seconds = (("x", 0), ("y", 2), ("x", 0), ("x", 1), ("x", 3))
        rows: list[Row] = [("a", item, FIRST_DAY + second) for item, second in seconds]
        source = write_csv(tmp_path / "e.csv", [*rows, *days(("t", 1, "x y"))])
        # WHEN they are prepared
        run(engine, [source], tmp_path / "out", replace(EVERYTHING, layout=Layout(collapse=collapse)))
        # THEN the return stays in any case
        assert sides(tmp_path / "out")[0] == {"a": expected.split()}

    def test_types_are_kept_under_their_labels_and_make_no_repeats(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN an item that is viewed, put in the cart twice, and bought, and another that is sought and viewed
        path = tmp_path / "e.csv"
        lines = ["session_id,item_id,timestamp,action"]
        actions = (
            *(("x", "Product Viewed"), ("x", "add"), ("x", "add"), ("x", "purchase")),
            *(("y", "search"), ("y", "Product Viewed")),
        )
        lines += [f"a,{item},{FIRST_DAY + second},{action}" for second, (item, action) in enumerate(actions)]
        lines += [f"t,{item},{FIRST_DAY + DAY},Product Viewed" for item in "xy"]
        path.write_text("\n".join(lines) + "\n")
        # WHEN three types are kept, two of them under labels, and repeats are dropped
        layout = Layout(type="action", keep=("Product Viewed=view", "add=cart", "purchase"))
        run(engine, [path], tmp_path / "out", replace(EVERYTHING, layout=layout))
        # THEN only the second cart is a repeat, and what was written has the labels
        train = read_sessions(tmp_path / "out" / "train.parquet", Layout(type="type"))
        assert events_of(train) == [["x", "x:cart", "x:purchase", "y"]]
        # AND neither the cart nor the purchase of the item at hand is a next item to predict
        assert train.is_target.tolist() == [False, False, False, True]
        # AND without a column of types the same events are views
        assert read_sessions(tmp_path / "out" / "train.parquet").types == ("view",)

    @pytest.mark.parametrize(
        ("keep", "fault"),
        [
            ((), "the type 'Product Viewed' is not a label"),
            (("Product Viewed", "add"), "the type 'Product Viewed' is not a label"),
            (("Product Viewed=view", "add=to the cart"), "the type 'to the cart' is not a label"),
        ],
    )
    def test_one_of_several_types_must_be_a_label(
        self, engine: Engine, tmp_path: Path, keep: tuple[str, ...], fault: str
    ) -> None:
        path = tmp_path / "e.csv"
        lines = ["session_id,item_id,timestamp,action", f"a,x,{FIRST_DAY},Product Viewed", f"a,y,{FIRST_DAY},add"]
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError, match=f"column action: {fault}.*--keep 'Product Viewed=LABEL'|{fault}"):
            run(engine, [path], tmp_path / "out", replace(EVERYTHING, layout=Layout(type="action", keep=keep)))

    def test_events_of_other_types_are_no_duplicates(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a view and a cart of one second, and the view once more
        path = tmp_path / "e.csv"
        lines = ["session_id,item_id,timestamp,action"]
        lines += [f"a,x,{FIRST_DAY},{action}" for action in ("view", "cart", "view")]
        lines += [f"t,{item},{FIRST_DAY + DAY},view" for item in "xy"]
        path.write_text("\n".join(lines) + "\n")
        # WHEN duplicates are dropped
        config = replace(EVERYTHING, layout=Layout(type="action", collapse="duplicates"))
        run(engine, [path], tmp_path / "out", config)
        # THEN the view and the cart stay
        assert items_of(read_sessions(tmp_path / "out" / "train.parquet")) == [["x", "x"]]

    @pytest.mark.slow
    def test_wrong_clocks_do_not_move_the_test_period(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN twelve sessions on each of two days, and one two weeks later
        rows = days(*((f"{day}-{number}", day, "x y") for day in (0, 1) for number in range(12)), ("late", 15, "y x"))
        # WHEN the last day is test
        prepared = run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", EVERYTHING)
        # THEN it is the second day, and the late session is test too; a split in memory agrees
        train, test = sides(tmp_path / "out")
        assert (len(train), len(test)) == (12, 13)
        assert prepared.cutoff == FIRST_DAY + DAY
        split = split_by_time(read_sessions(tmp_path / "e.csv"), 1)
        assert (split.cutoff, len(split.test)) == (prepared.cutoff, 13)
        # AND a warning names the figures, and the time between is no gap
        assert prepared.summary.figures.gaps == ()
        [warning] = [text for text in prepared.summary.warnings if "after" in text]
        assert warning.startswith("1 sessions start after 2019-04-15, the last day with a plausible number of sessions")

    def test_the_summary_has_the_figures_of_the_events(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a file with types, a duplicate, a repeat, a tie, a long session, a gap, and an item of test alone
        path = tmp_path / "e.csv"
        lines = ["session_id,item_id,timestamp,action"]
        events = [
            ("a", "x", 0, "view"), ("a", "x", 0, "view"), ("a", "x", 1, "view"), ("a", "y", 5, "view"),
            ("a", "z", 5, "view"), ("b", "x", DAY, "view"), ("b", "y", 3 * DAY, "view"), ("b", "y", 3 * DAY, "cart"),
            ("t", "x", 9 * DAY, "view"), ("t", "new", 9 * DAY + 1, "view"),
        ]  # fmt: skip
        lines += [f"{session},{item},{FIRST_DAY + second},{action}" for session, item, second, action in events]
        path.write_text("\n".join(lines) + "\n")
        # WHEN the views are prepared
        layout = Layout(type="action", keep=("view",))
        prepared = run(engine, [path], tmp_path / "out", replace(EVERYTHING, layout=layout))
        # THEN the record has the figures
        figures = prepared.summary.figures
        assert (figures.rows, figures.dropped, figures.events) == (10, {"other types": 1, "repeats": 2}, 7)
        assert figures.types == {"view": 9, "cart": 1}
        assert (figures.duplicates, figures.repeats, figures.tied, figures.long) == (1, 2, 2, 1)
        assert (figures.sessions, figures.items, figures.first, figures.last) == (3, 4, "2019-04-14", "2019-04-23")
        assert figures.gaps == (Gap("2019-04-16", "2019-04-22", 7),)
        assert figures.lengths == Lengths(median=2, p95=3, longest=3, single=0)
        assert figures.heaviest == (Heavy("a", 3), Heavy("b", 2), Heavy("t", 2))
        assert (prepared.summary.test_events, prepared.summary.unknown) == (2, 1)
        # AND the warning about unknown items shows some of both sides
        [warning] = [text for text in prepared.summary.warnings if "train does not have" in text]
        assert warning.endswith("Ids of test are such as 'new'; of train such as 'x', 'y', 'z'")

    @pytest.mark.parametrize("layout", [Layout(), Layout(user="session_id")], ids=["sessions", "users"])
    def test_no_warning_recommends_to_drop_what_is_dropped(
        self, engine: Engine, tmp_path: Path, layout: Layout
    ) -> None:
        # GIVEN a session of a bot, with reloads that do not count
        rows = [*days(("a", 0, "x y"), ("bot", 0, "x x y y " * 600), ("b", 1, "x y"))]
        path = write_csv(tmp_path / "e.csv", rows)
        # WHEN it is kept, THEN a warning names the option that drops it
        kept = run(engine, [path], tmp_path / "kept", replace(EVERYTHING, layout=layout))
        [warning] = [text for text in kept.summary.warnings if "a bot" in text]
        assert "--max-session" in warning
        # WHEN that option is given, THEN no warning is about bots
        dropping = replace(EVERYTHING, layout=layout, max_session=1_000)
        without = run(engine, [path], tmp_path / "without", dropping).summary
        assert [text for text in without.warnings if "a bot" in text] == []
        assert [heavy.events for heavy in without.figures.heaviest] == [2, 2]

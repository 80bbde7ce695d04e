"""The report: one HTML page that loads nothing, whose tables hold the figures, with its plots inside."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.data.ingestion.figures import Summary
from model_export.evaluation.analysis import Quality
from model_export.evaluation.evaluate import Report, evaluate_artifact
from model_export.report import check_report, write_report
from model_export.report.plots import COLOURS, learning_curve
from model_export.report.sections import page_of
from model_export.training.run_folder import Curve, RunRecord
from nextitem.errors import InputError
from tests.model_export.made_figures import GOOD
from tests.model_export.tiny import cycle, listed, model_of, random_run

HISTORY = ((2.5, 0.25, 0.125), (1.5, 0.5, 0.25), (1.4, 0.6, 0.3))
USED = 2
"""Not the epoch with the best metrics: the page must not choose one itself."""
SECTIONS = [
    "In short",
    "All items",
    "Seen items left out",
    "Slices",
    "Days",
    "Exposure of items",
    "Training",
    "Settings of the baselines",
    "Data",
]
DATA = {
    "Test events": Summary(
        msgspec.structs.replace(GOOD, dropped={"repeats": 3_000}, types={"view": 9_000}),
        ["the clocks are wrong", "few events"],
        100,
        7,
    )
}


class Parsed(HTMLParser):
    """The elements of a page: tables as rows of texts by caption, plots by their text, ids, and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.plots: list[str] = []
        self.ids: Counter[str] = Counter()
        self.references: list[str] = re.findall(r"url\(([^)]*)\)", text)
        self.sections: list[str] = []
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids.update([values["id"]] if "id" in values else [])
        self.references += [values[name] for name in ("href", "xlink:href", "src", "srcset") if name in values]
        if tag == "figure":
            assert values["role"] == "img"
            self.plots.append(values["aria-label"])
        elif tag == "table":
            self._rows = []
        elif tag == "caption":
            self.tables[""] = self._rows
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"th", "td"}:
            assert tag == "td" or values["scope"] in {"col", "row"}
            self._rows[-1].append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "caption":
            self.tables[text] = self.tables.pop("")
        elif inside == "h2":
            self.sections.append(text)
        elif inside in {"th", "td", "small"} and self._rows and text.strip():
            self._rows[-1][-1] += f" {text.strip()}" if inside == "small" else text.strip()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    model = model_of(random_run(30), tmp_path_factory.mktemp("out"))
    sessions = cycle(items=30, sessions=90)
    return evaluate_artifact(
        model, sessions.subset(range(60, 90)).recoded(sessions.catalogue), sessions, lambda *_: None, by_day=True
    )


@pytest.fixture(scope="module")
def run() -> RunRecord:
    record = random_run(30).record
    return msgspec.structs.replace(record, curves=(Curve(HISTORY, USED), Curve(HISTORY[:1], 1)))


@pytest.fixture(scope="module")
def path(report: Report, run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The written page; drawing takes a second or two."""
    path = tmp_path_factory.mktemp("written") / "deep" / "report.html"
    write_report(report, path, DATA, run)
    return path


@pytest.fixture(scope="module")
def text(path: Path) -> str:
    return path.read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Parsed:
    return Parsed(text)


@pytest.mark.slow
def test_the_page_is_one_file_that_loads_nothing(path: Path, text: str, page: Parsed) -> None:
    assert listed(path.parent) == ["report.html"]
    # the only addresses are places of the page itself, and each is there once
    assert page.references
    assert {reference[:1] for reference in page.references} == {"#"}
    assert {reference[1:] for reference in page.references} <= page.ids.keys()
    assert set(page.ids.values()) == {1}
    assert "<script" not in text
    assert "@import" not in text
    # and a browser would refuse everything else
    assert (
        """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"""
        in text
    )


def test_its_contents_name_every_section(page: Parsed) -> None:
    assert page.sections == SECTIONS
    assert [reference for reference in page.references if reference.startswith("#section-")] == [
        f"#section-{number}" for number in range(1, len(SECTIONS) + 1)
    ]


def test_plots_follow_the_page_into_the_dark(text: str, page: Parsed) -> None:
    drawings = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(drawings) == len(page.plots) == 20
    style = text.split("</style>", maxsplit=1)[0]
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for colour, variable in COLOURS.items():
        assert not any(colour in drawing for drawing in drawings)
        assert any(variable in drawing for drawing in drawings)
        assert variable.removeprefix("var(").removesuffix(")") + ":" in light
        assert variable.removeprefix("var(").removesuffix(")") + ":" in dark
    # nothing else is black or white, which one of the two schemes would hide
    assert not any(re.search(r"(?:fill|stroke): #(?:000000|ffffff)", drawing) for drawing in drawings)


def test_every_plot_says_what_it_shows(report: Report, page: Parsed) -> None:
    assert len(set(page.plots)) >= len(page.plots) - 2  # the differences of both views have the same text
    reached = report.analysis.with_seen.metrics["model"]["hr@20"]
    assert page.plots[0].startswith(f"HR@20 of every ranker, with its interval: model {reached:.3f}, ")


def assert_has_every_figure(table: list[list[str]], quality: Quality) -> None:
    rows = {row[0]: row[1:] for row in table[1:]}
    assert rows.keys() == quality.metrics.keys()
    for name, estimates in quality.intervals.items():
        figures = [f"{one.value:.3f} {one.low:.3f} to {one.high:.3f}" for one in estimates.values()]
        assert rows[name] == [*figures, f"{quality.metrics[name]['coverage@20']:.3f}"]


def test_the_tables_have_every_figure(report: Report, page: Parsed) -> None:
    analysis = report.analysis
    assert analysis.without_seen is not None
    assert_has_every_figure(page.tables["All items: every metric"], analysis.with_seen)
    assert_has_every_figure(page.tables["Seen items left out: every metric"], analysis.without_seen)
    assert len(analysis.days) == 2
    for part in (*analysis.slices, *analysis.days):
        row = next(row for row in page.tables[f"By {part.by}"] if row[0] == part.name)
        assert row[1:3] == [f"{part.targets:,}", f"{part.sessions:,}"]
    assert report.tuned is not None
    settings = {row[0]: row[1] for row in page.tables["Settings"]}
    for name, chosen in report.tuned.as_json()["settings"].items():
        assert settings[name] == (", ".join(f"{setting} = {value}" for setting, value in chosen.items()) or "none")
    # each table's rows are as wide as its head
    for rows in page.tables.values():
        assert len({len(row) for row in rows}) == 1


def test_the_model_stands_beside_the_strongest_baseline_of_each_view(report: Report, page: Parsed) -> None:
    rows = {row[0]: row[1:] for row in page.tables["The model in both views"][1:]}
    for title, quality in (
        ("All items", report.analysis.with_seen),
        ("Seen items left out", report.analysis.without_seen),
    ):
        assert quality is not None
        strongest = quality.strongest_baseline("model")
        assert strongest is not None
        difference = quality.differences[strongest]["hr@20"]
        assert rows[title][0] == f"{quality.targets:,}"
        assert rows[title][3:5] == [
            strongest,
            f"{difference.value:+.3f} {difference.low:+.3f} to {difference.high:+.3f}",
        ]


def test_the_epoch_that_was_used_is_the_one_that_is_marked(text: str, page: Parsed) -> None:
    assert f"Marked: epoch {USED}, which validation chose." in text
    assert sum(identifier.endswith(f"-used-epoch-{USED}") for identifier in page.ids) == 3
    assert f"Validation HR@20 of network 1 of 2 by epoch; epoch {USED}, 0.500, is marked." in page.plots
    assert "Validation HR@20 of network 2 of 2 by epoch; epoch 1, 0.250, is marked." in page.plots
    panel = learning_curve([0.25, 0.5, 0.6], USED, "Validation HR@20").axes[0]
    (mark,) = (line for line in panel.lines if line.get_gid() == f"used-epoch-{USED}")
    assert np.asarray(mark.get_xdata()).tolist() == [USED, USED]


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(report: Report, run: RunRecord, path: Path, tmp_path: Path) -> None:
    write_report(report, tmp_path / "again.html", DATA, run)
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_without_training_data_and_run_the_page_has_the_model_alone(tmp_path: Path) -> None:
    model = model_of(random_run(30), tmp_path / "out")
    alone = evaluate_artifact(model, cycle(items=30, sessions=90), None, lambda *_: None)
    write_report(alone, tmp_path / "page" / "alone.html", DATA)
    text = (tmp_path / "page" / "alone.html").read_text()
    assert Parsed(text).sections == ["In short", "All items", "Seen items left out", "Slices", "Data"]
    assert "baseline" not in text.split("</style>", maxsplit=1)[1].replace("dominant-baseline", "")


@pytest.mark.slow
def test_the_page_starts_with_the_overlap_of_train_and_test(report: Report, text: str) -> None:
    assert report.overlap is not None
    assert report.overlap.sessions == 30
    header = text.split("</header>", maxsplit=1)[0]
    assert '<p class="warning" role="alert">Train and test overlap: 30 test sessions' in header
    clean = page_of(replace(report, overlap=replace(report.overlap, sessions=0, later_sessions=0)), None, DATA)
    assert clean.warning == ""
    assert clean.note.startswith("No test session is in train")
    assert "train events" in clean.note
    silent = replace(report.overlap, sessions=0, later_sessions=0, later_events=0)
    assert "train events" not in page_of(replace(report, overlap=silent), None, DATA).note


@pytest.mark.slow
def test_where_no_target_is_new_there_is_no_view_without_seen_items(report: Report) -> None:
    page = page_of(replace(report, analysis=replace(report.analysis, without_seen=None)), None, DATA)
    assert [section.title for section in page.sections] == [
        title for title in SECTIONS if title not in {"Seen items left out", "Training"}
    ]
    [table] = page.sections[0].parts[0].tables
    assert [row.name for row in table.rows] == ["All items"]


def test_the_data_behind_the_figures_stands_at_the_end(page: Parsed, text: str) -> None:
    figures = {name: cells for name, *cells in page.tables["Test events: figures"]}
    assert figures["rows read"] == ["10,000"]
    assert figures["events that share their time"] == ["500"]
    assert figures["type view"] == ["9,000"]
    assert figures["dropped: repeats"] == ["3,000"]
    assert figures["of an item that train does not have"] == ["7"]
    assert page.tables["Test events: the most events"][1:] == [["s1", "999", "session"]]
    assert "Warning: the clocks are wrong. Warning: few events." in text


@pytest.mark.slow
def test_texts_are_escaped(report: Report, tmp_path: Path) -> None:
    write_report(replace(report, version="<b>&"), tmp_path / "escaped.html", DATA)
    assert "<h1>Evaluation of &lt;b&gt;&amp;</h1>" in (tmp_path / "escaped.html").read_text()


def test_a_missing_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    check_report(Path("report.html"))
    monkeypatch.setattr("model_export.report.writer.find_spec", lambda name: None if name == "jinja2" else name)
    with pytest.raises(InputError, match=r"^a report needs Jinja2: pip install 'nextitem\[report\]'$"):
        check_report(Path("report.html"))


@pytest.mark.parametrize("name", ["report", "report.md", "report.pdf"])
def test_a_file_that_is_no_page_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"^the report {re.escape(name)} must be named \*\.html: it is one HTML page$"
    ):
        check_report(Path(name))

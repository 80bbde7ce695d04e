"""The page with plots: whole, readable as Markdown, and true to the figures."""

import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from model_export.evaluation.evaluate import Report, evaluate_artifact
from model_export.report import require_plots, write_report
from model_export.report.page import page as page_of
from nextitem.errors import InputError
from tests.model_export.tiny import cycle, listed, model_of, random_run

HISTORY = ((2.5, 0.25, 0.125), (1.5, 0.5, 0.25), (1.4, 0.4, 0.2))
PLOTS = ["differences.png", "exposure.png", "metrics.png", "slices.png", "training.png"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    model = model_of(random_run(30), tmp_path_factory.mktemp("out"))
    sessions = cycle(items=30, sessions=90)
    return evaluate_artifact(
        model, sessions.subset(range(60, 90)).recoded(sessions.catalogue), sessions, lambda *_: None
    )


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, written; drawing takes a second or two."""
    return write_report(report, tmp_path_factory.mktemp("written") / "deep" / "page", HISTORY)


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_the_page_and_its_plots_are_there(page: Path) -> None:
    # GIVEN an evaluation WHEN its report is written
    # THEN page and plots are there and nothing else, and the page shows each plot with words for it
    assert listed(page.parent) == sorted([*PLOTS, "report.md"])
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", page.read_text())
    assert sorted(name for _, name in shown) == PLOTS
    for name in PLOTS:
        width, height = size(page.parent / name)
        assert width > 1000
        assert height > 300


def test_the_page_has_every_figure(report: Report, page: Path) -> None:
    # GIVEN an evaluation WHEN its report is written
    text = page.read_text()
    # THEN each ranker's figures and each setting stand there, and every table's rows are as wide as its head
    for name, found in report.analysis.metrics.items():
        row = next(line for line in text.splitlines() if line.startswith((f"| {name} |", f"| **{name}** |")))
        for one in found.values():
            assert f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" in row
    assert report.tuned is not None
    for name, settings in report.tuned.as_json()["settings"].items():
        for setting, value in settings.items():
            assert re.search(rf"^\| {name} \|.*\b{setting} = {value}\b", text, re.MULTILINE)
    for part in report.analysis.slices:
        assert f"| {part.name} | {part.targets:,} | {part.sessions:,} |" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(report: Report, page: Path) -> None:
    # GIVEN a report WHEN it is written again, over the first
    first = {path.name: path.read_bytes() for path in page.parent.iterdir()}
    write_report(report, page.parent, HISTORY)
    # THEN nothing has changed
    assert {path.name: path.read_bytes() for path in page.parent.iterdir()} == first


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    # GIVEN an evaluation without training data, and no run
    model = model_of(random_run(30), tmp_path / "out")
    alone = evaluate_artifact(model, cycle(items=30, sessions=90), None, lambda *_: None)
    # WHEN its report is written THEN the page speaks of the model alone
    bare = write_report(alone, tmp_path / "page")
    assert listed(bare.parent) == ["metrics.png", "report.md", "slices.png"]
    assert "baseline" not in bare.read_text()


def test_a_test_that_train_knows_is_told(report: Report, page: Path) -> None:
    # GIVEN an evaluation on sessions that were trained on WHEN its report is written THEN that stands at its top
    assert report.overlap is not None
    assert report.overlap.sessions == 30
    assert "**Train knows the test:** 30 test sessions" in page.read_text().split("##")[0]
    # AND where it is clean, that does
    clean = replace(report, overlap=replace(report.overlap, sessions=0, later_sessions=0))
    assert "No test session is in train" in page_of(clean, (), ()).split("##")[0]


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an installation without the extra WHEN a report is asked for THEN one sentence says what is missing
    monkeypatch.setattr("model_export.report.writer.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install 'nextitem\[report\]'"):
        require_plots()

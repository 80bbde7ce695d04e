"""The report: a page of Markdown whose tables hold the figures, and its plots."""

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
    """The written report; drawing takes a second or two."""
    return write_report(report, tmp_path_factory.mktemp("written") / "deep" / "page", HISTORY)


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_the_page_shows_each_plot_with_a_text(page: Path) -> None:
    assert listed(page.parent) == sorted([*PLOTS, "report.md"])
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", page.read_text())
    assert sorted(name for _, name in shown) == PLOTS
    for name in PLOTS:
        width, height = size(page.parent / name)
        assert width > 1000
        assert height > 300


def test_the_page_has_every_figure(report: Report, page: Path) -> None:
    text = page.read_text()
    for name, estimates in report.analysis.with_seen.intervals.items():
        row = next(line for line in text.splitlines() if line.startswith((f"| {name} |", f"| **{name}** |")))
        for estimate in estimates.values():
            assert f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]" in row
    assert report.tuned is not None
    for name, settings in report.tuned.as_json()["settings"].items():
        for setting, value in settings.items():
            assert re.search(rf"^\| {name} \|.*\b{setting} = {value}\b", text, re.MULTILINE)
    for part in report.analysis.slices:
        assert f"| {part.name} | {part.targets:,} | {part.sessions:,} |" in text
    # each table's rows are as wide as its head
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(report: Report, page: Path) -> None:
    first = {path.name: path.read_bytes() for path in page.parent.iterdir()}
    write_report(report, page.parent, HISTORY)
    assert {path.name: path.read_bytes() for path in page.parent.iterdir()} == first


def test_without_training_data_and_run_the_page_has_the_model_alone(tmp_path: Path) -> None:
    model = model_of(random_run(30), tmp_path / "out")
    alone = evaluate_artifact(model, cycle(items=30, sessions=90), None, lambda *_: None)
    page = write_report(alone, tmp_path / "page")
    assert listed(page.parent) == ["metrics.png", "report.md", "slices.png"]
    assert "baseline" not in page.read_text()


def test_the_page_starts_with_the_overlap_of_train_and_test(report: Report, page: Path) -> None:
    assert report.overlap is not None
    assert report.overlap.sessions == 30
    assert "**Train and test overlap:** 30 test sessions" in page.read_text().split("##")[0]
    clean = replace(report, overlap=replace(report.overlap, sessions=0, later_sessions=0))
    assert "No test session is in train" in page_of(clean, (), ()).split("##")[0]


def test_a_missing_matplotlib_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_export.report.writer.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install 'nextitem\[report\]'"):
        require_plots()

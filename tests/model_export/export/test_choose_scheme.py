"""The exporter chooses the cheapest scheme that keeps the bounds; the manifest has a row for each scheme."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from model_export.export import choose_scheme
from model_export.export.build_graphs import WrittenGraphs
from model_export.export.choose_scheme import BoundsMissed, cost_us
from model_export.export.export import export
from model_export.export.measure_loss import Loss
from model_export.export.schemes import Scheme
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit
from model_export.export.schemes.scan import Scan
from model_export.export.schemes.scheme import PreparedScheme
from model_export.progress import Unwatched
from model_export.training.run_folder import Run
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import FILES, MANIFEST, Bounds, ConsideredScheme, Quantization
from tests.model_export.tiny import LOOSE, random_run

ITEMS, HIDDEN = 12_000, 128
FEW: tuple[Scheme, ...] = (Fp32(), EightBit(), Scan(dims=16, candidates=64), Scan(96, 600), Ivf(percent=5))
"""Schemes for a catalogue that is small enough for a test."""


def structured_run(sessions: int = 60) -> Run:
    """A run whose table is close to a space of few dimensions, like a trained one."""
    rng = np.random.default_rng(4)
    axes = rng.standard_normal((12, HIDDEN), np.float32)
    noise = 0.1 * rng.standard_normal((ITEMS, HIDDEN), np.float32)
    return random_run(
        ITEMS, HIDDEN, sessions=sessions, table=rng.standard_normal((ITEMS, 12), np.float32) @ axes + noise
    )


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the exporter choose from a few schemes only."""
    monkeypatch.setattr(choose_scheme, "SCHEMES", FEW)


def chosen(run: Run, out: Path, bounds: Bounds | None = None, scheme: str | None = None) -> Model:
    home = export(run, out, bounds or Bounds(), Unwatched(), scheme=scheme)
    model = Model(open_artifact(home))
    model.check(model.certificate)
    return model


def rows(quantization: Quantization) -> dict[str, ConsideredScheme]:
    return {row.scheme: row for row in quantization.considered}


@pytest.mark.usefixtures("few")
@pytest.mark.slow
def test_truncates_a_table_with_structure(tmp_path: Path) -> None:
    model = chosen(structured_run(), tmp_path)
    quantization = model.manifest.quantization
    assert (quantization.scheme, quantization.pinned) == ("truncated-16", False)
    assert quantization.overlap >= 0.999
    table = rows(quantization)
    assert tuple(table) == tuple(scheme.name for scheme in FEW)
    assert table[quantization.scheme].refused == ""
    assert "not tried: " in table["ivf-5"].refused
    assert "costs" in table["fp32"].refused
    assert (table["fp32"].overlap, table["fp32"].hr_delta) == (1.0, 0.0)
    assert "top-20 overlap with fp32 is 0.9" in table["8-bit"].refused
    assert (table["fp32"].cost_us or 0) > (table[quantization.scheme].cost_us or 0)


@pytest.mark.usefixtures("few")
@pytest.mark.slow
def test_only_the_best_scheme_so_far_takes_space(tmp_path: Path) -> None:
    names = {scheme.name for scheme in FEW}
    kept: list[list[str]] = []

    class NoteFolders(Unwatched):
        def begin(self, text: str) -> None:
            if text in {f"writing {name}" for name in names}:
                kept.append([path.name for path in tmp_path.glob(".nextitem-*/*") if path.name in names])

    export(structured_run(), tmp_path, Bounds(), NoteFolders())
    # each is as large as the artifact; 8-bit misses its bounds, truncated-16 costs less than fp32
    assert kept == [[], ["fp32"], ["fp32"], ["truncated-16"]]


def test_each_rescored_candidate_has_a_cost() -> None:
    prepared = PreparedScheme(cast(Any, None), cast(Any, None), traffic=0, rescored=64, bits=8, block=1)
    costs = [cost_us(WrittenGraphs(replace(prepared, rescored=count), nodes=30)) for count in (64, 600)]
    assert costs[0] < costs[1]


@pytest.mark.usefixtures("few")
@pytest.mark.slow
def test_does_not_truncate_an_untrained_table(tmp_path: Path) -> None:
    quantization = chosen(random_run(ITEMS, HIDDEN, sessions=30), tmp_path).manifest.quantization
    assert not quantization.scheme.startswith("truncated")
    assert quantization.overlap >= 0.999
    for dims in (16, 96):
        assert "top-20 overlap with fp32 is 0." in rows(quantization)[f"truncated-{dims}"].refused


@pytest.mark.slow
def test_tries_only_a_pinned_scheme(tmp_path: Path) -> None:
    quantization = chosen(structured_run(), tmp_path, LOOSE, "8-bit-rescored").manifest.quantization
    assert (quantization.scheme, quantization.pinned) == ("8-bit-rescored", True)
    assert tuple(rows(quantization)) == ("8-bit-rescored",)


@pytest.mark.slow
def test_a_pinned_scheme_must_keep_the_bounds(tmp_path: Path) -> None:
    run = random_run(ITEMS, HIDDEN, sessions=30)
    with pytest.raises(BoundsMissed, match=r"truncated-40: top-20 overlap with fp32 is 0\.\d+, allowed is 0\.999"):
        chosen(run, tmp_path, scheme="truncated-40")
    assert list(tmp_path.iterdir()) == []
    assert chosen(run, tmp_path, LOOSE, "truncated-40").manifest.quantization.scheme == "truncated-40"


def test_refuses_an_unknown_scheme(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scheme must be one of fp32, 8-bit, .*, not 'faiss'"):
        chosen(random_run(), tmp_path, scheme="faiss")


@pytest.mark.parametrize("scheme", ["fp32", "8-bit", "4-bit", "8-bit-rescored", "truncated-40", "ivf-10"])
def test_every_kind_of_scheme_serves(tmp_path: Path, scheme: str) -> None:
    model = chosen(random_run(3000, 48, sessions=20), tmp_path, LOOSE, scheme)
    hidden = model.replay(None, [5, 17, 2999])
    ranked = model.rank(hidden, [4, 2999, 4, 88, 0], [88], 10)
    assert sorted(item.index for item in ranked) == [0, 4, 2999]
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)
    whole = {item.index: item.score for item in model.top(hidden, (), 3000)}
    assert len(whole) == 3000
    largest = max(map(abs, whole.values()))
    assert all(abs(whole[item.index] - item.score) <= 0.02 * largest for item in ranked)
    assert model.rank(hidden, [], (), 10) == []


@pytest.mark.usefixtures("few")
@pytest.mark.slow
def test_the_choice_is_the_same_each_time(tmp_path: Path) -> None:
    homes = [export(structured_run(sessions=6), tmp_path / name, Bounds(), Unwatched()) for name in ("a", "b")]
    assert homes[0].name == homes[1].name
    for name in (*FILES, MANIFEST):
        assert (homes[0] / name).read_bytes() == (homes[1] / name).read_bytes()


@pytest.mark.parametrize(
    ("overlap", "hr_delta", "bound", "misses"),
    [
        (1.0, -0.03, 0.001, 0),  # three hits of a hundred targets are chance
        (1.0, -0.031, 0.001, 1),
        (1.0, -0.01, 0.0, 1),  # unless nothing may be lost
        (0.5, 0.0, 0.001, 1),
        (np.nan, np.nan, 0.001, 2),
    ],
)
def test_a_loss_is_held_against_its_bounds(overlap: float, hr_delta: float, bound: float, misses: int) -> None:
    loss = Loss(overlap, hr_delta, 0.0, targets=100)
    assert len(choose_scheme._misses(loss, Bounds(hr_delta=bound))) == misses

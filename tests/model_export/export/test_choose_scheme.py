"""Which scoring scheme an artifact gets, and what its manifest says of the others."""

from pathlib import Path

import numpy as np
import pytest

from model_export.export import choose_scheme
from model_export.export.choose_scheme import BoundsMissed
from model_export.export.export import export
from model_export.export.schemes import NAMES, Scheme
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit
from model_export.export.schemes.scan import Scan
from model_export.training.run_folder import Run
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import FILES, MANIFEST, Bounds, ConsideredScheme, Quantization
from tests.model_export.tiny import LOOSE, random_run

ITEMS, HIDDEN = 12_000, 128
FEW: tuple[Scheme, ...] = (Fp32(), EightBit(), Scan(dims=16, candidates=64), Scan(96, 600), Ivf(percent=5))
"""Schemes for a catalogue that is small enough for a test."""


def structured_run() -> Run:
    """A run whose table lies near a space of few dimensions, as training leaves it."""
    rng = np.random.default_rng(4)
    axes = rng.standard_normal((12, HIDDEN), np.float32)
    noise = 0.1 * rng.standard_normal((ITEMS, HIDDEN), np.float32)
    return random_run(ITEMS, HIDDEN, sessions=60, table=rng.standard_normal((ITEMS, 12), np.float32) @ axes + noise)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose from a few schemes only."""
    monkeypatch.setattr(choose_scheme, "SCHEMES", FEW)


def chosen(run: Run, out: Path, bounds: Bounds | None = None, scheme: str | None = None) -> Model:
    home = export(run, out, bounds or Bounds(), lambda _stage: None, scheme=scheme)
    model = Model(open_artifact(home))
    model.check(model.certificate)
    return model


def rows(found: Quantization) -> dict[str, ConsideredScheme]:
    return {row.scheme: row for row in found.considered}


@pytest.mark.usefixtures("few")
def test_a_table_with_structure_is_truncated(tmp_path: Path) -> None:
    # GIVEN a run whose table lies near a few dimensions
    # WHEN it is exported
    model = chosen(structured_run(), tmp_path)
    found = model.manifest.quantization
    # THEN some dimensions do, and the manifest says what was chosen among and why
    assert (found.scheme, found.pinned) == ("truncated-16", False)
    assert found.overlap >= 0.999
    table = rows(found)
    assert tuple(table) == tuple(scheme.name for scheme in FEW)
    assert table[found.scheme].refused == ""
    assert "not tried: " in table["ivf-5"].refused
    assert "costs" in table["fp32"].refused
    assert (table["fp32"].overlap, table["fp32"].hr_delta) == (1.0, 0.0)
    assert "top-20 overlap with fp32 is 0.9" in table["8-bit"].refused
    assert (table["fp32"].cost_us or 0) > (table[found.scheme].cost_us or 0)


@pytest.mark.usefixtures("few")
def test_a_table_that_was_never_trained_falls_back(tmp_path: Path) -> None:
    # GIVEN a run whose rows point everywhere alike, so that no dimension may be left out
    # WHEN it is exported
    found = chosen(random_run(ITEMS, HIDDEN, sessions=30), tmp_path).manifest.quantization
    # THEN truncation is refused by what it loses, and the scheme that was taken loses nothing
    assert not found.scheme.startswith("truncated")
    assert found.overlap >= 0.999
    for dims in (16, 96):
        assert "top-20 overlap with fp32 is 0." in rows(found)[f"truncated-{dims}"].refused


def test_a_pinned_scheme_is_the_only_one(tmp_path: Path) -> None:
    # GIVEN a scheme that would not have been chosen
    # WHEN it is pinned
    found = chosen(structured_run(), tmp_path, LOOSE, "8-bit-rescored").manifest.quantization
    # THEN the artifact has it, and says so
    assert (found.scheme, found.pinned) == ("8-bit-rescored", True)
    assert tuple(rows(found)) == ("8-bit-rescored",)


def test_a_pinned_scheme_keeps_the_bounds_too(tmp_path: Path) -> None:
    # GIVEN a table that defeats truncation
    # WHEN truncation is pinned
    # THEN there is no artifact, unless the bounds allow it
    run = random_run(ITEMS, HIDDEN, sessions=60)
    with pytest.raises(BoundsMissed, match=r"truncated-40: top-20 overlap with fp32 is 0\.\d+, allowed is 0\.999"):
        chosen(run, tmp_path, scheme="truncated-40")
    assert list(tmp_path.iterdir()) == []
    assert chosen(run, tmp_path, LOOSE, "truncated-40").manifest.quantization.scheme == "truncated-40"


def test_a_scheme_that_there_is_not_is_told(tmp_path: Path) -> None:
    # GIVEN a name that is no scheme's
    # WHEN it is pinned
    # THEN the names that there are come back
    with pytest.raises(InputError, match=r"scheme must be one of fp32, 8-bit, .*, not 'faiss'"):
        chosen(random_run(), tmp_path, scheme="faiss")


@pytest.mark.parametrize("scheme", NAMES)
def test_every_scheme_serves(tmp_path: Path, scheme: str) -> None:
    # GIVEN an artifact of each scheme, larger or smaller than the scheme is meant for
    model = chosen(random_run(3000, 48, sessions=20), tmp_path, LOOSE, scheme)
    hidden = model.replay(None, [5, 17, 2999])
    # WHEN a list of items is ranked, one of them twice and one excluded
    ranked = model.rank(hidden, [4, 2999, 4, 88, 0], [88], 10)
    # THEN each of the others comes once, by score, as the whole catalogue scores it
    assert sorted(one.index for one in ranked) == [0, 4, 2999]
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    whole = {one.index: one.score for one in model.top(hidden, (), 3000)}
    assert len(whole) == 3000
    largest = max(map(abs, whole.values()))
    assert all(abs(whole[one.index] - one.score) <= 0.02 * largest for one in ranked)
    # AND an empty list is ranked empty
    assert model.rank(hidden, [], (), 10) == []


@pytest.mark.usefixtures("few")
def test_the_same_run_is_the_same_artifact_with_schemes_weighed(tmp_path: Path) -> None:
    # GIVEN a run that is exported twice with the schemes weighed
    homes = [export(structured_run(), tmp_path / name, Bounds(), lambda _stage: None) for name in ("a", "b")]
    # WHEN the artifacts are compared
    # THEN they are the same to the last byte: no measured time is in them
    assert homes[0].name == homes[1].name
    for name in (*FILES, MANIFEST):
        assert (homes[0] / name).read_bytes() == (homes[1] / name).read_bytes()

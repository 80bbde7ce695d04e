"""Synthetic catalogues: larger than the run that they copy, without its memory, and trained again after a change."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.engine import catalogue
from bench.engine.catalogue import TRAINING, exact_top, make_catalogue, trained_run
from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes.fp32 import Fp32
from model_export.training.run_folder import read_run, write_run
from tests.model_export.memory.memory_runs import with_memory

IMPORTED = """
import sys
from model_export.data.ingestion import reader
from model_export.simulator import files
from model_export.training import run_training
print(*{name.split(".")[1] for name in sys.modules if name.startswith("model_export.")})
"""


def test_a_run_with_a_memory_is_copied_without_it(tmp_path: Path) -> None:
    # GIVEN a run with a session memory, and a catalogue of many more items
    write_run(tmp_path, with_memory())
    items = 5 * read_run(tmp_path).record.items
    copies = make_catalogue(tmp_path, tmp_path, items)
    # WHEN its graphs rank for states of real sessions
    home = tmp_path / "graphs"
    home.mkdir()
    write_graphs(home, copies.parameters, Fp32(), copies.calibration)
    graphs = GraphRunner(home, *copies.sizes)
    states = copies.engine_states()
    # THEN the best of all items come first, copies included
    best = exact_top(copies.parameters.table, copies.parameters.scored(copies.queries), 5)
    assert [graphs.top(state, 5).tolist() for state in states] == best.tolist()
    assert best.max() >= read_run(tmp_path).record.items
    # AND an event of any item can follow
    assert np.isfinite(graphs.step(states[0], SessionEvents.views(np.array([items - 1], np.int32)))).all()


def test_the_memory_of_other_items_is_refused() -> None:
    parameters = parameters_of(with_memory())
    with pytest.raises(ValueError, match=r"a session memory of (\d+) items beside a table of \d+"):
        replace(parameters, table=np.tile(parameters.table, (2, 1)))


@pytest.mark.slow
def test_the_packages_that_a_run_depends_on_are_all_named() -> None:
    imported = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True).stdout
    assert set(imported.split()) == set(TRAINING)


@pytest.mark.slow
def test_a_run_is_trained_again_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a trained run
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "EPOCHS", 1)
    first = trained_run(32, sessions=300)
    assert read_run(first).memory is None
    assert trained_run(32, sessions=300) == first
    # WHEN a setting changes THEN it is another run
    monkeypatch.setattr(catalogue, "EPOCHS", 2)
    second = trained_run(32, sessions=300)
    assert second != first
    assert max(len(curve.epochs) for curve in read_run(second).record.curves) <= 2
    # AND so it is after a change of the code, or of a library
    monkeypatch.setattr(catalogue, "digest_of", lambda _: "other sources")
    third = trained_run(32, sessions=300)
    monkeypatch.setattr(catalogue, "version", lambda _: "0.0")
    assert len({second, third, trained_run(32, sessions=300)}) == 3

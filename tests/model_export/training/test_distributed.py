"""Several processes train the same network as one process does from the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.training.batches import Batch, Batches
from model_export.training.config import FitConfig
from model_export.training.distributed import World
from model_export.training.losses import make_loss
from model_export.training.network import Network
from model_export.training.run_folder import Run, read_run
from model_export.training.trainer import batch_loss, network_config
from tests.model_export.event_files import write_events
from tests.model_export.handmade import handmade
from tests.model_export.tiny import cycle

CONFIG = FitConfig(hidden=16, loss="softmax", dropout=0.0)
TOLERANCE = 1e-3
"""Of a loss between 1 and 8 after 4 epochs: sums in another order differ by a millionth, and each step adds to that."""


def gradient(network: Network, batch: Batch) -> tuple[float, torch.Tensor]:
    """A batch's loss, and its gradient as one vector."""
    network.zero_grad()
    loss = batch_loss(network, batch, make_loss(CONFIG, torch.ones(8), torch.float32))
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return float(loss.detach()), torch.cat(
        [values.grad.flatten() for values in network.parameters() if values.grad is not None]
    )


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_mean_over_processes_is_the_batch(size: int) -> None:
    # The last batch has fewer rows than there are processes.
    sessions = handmade("a b c d e f", "b c", "c d e", "d e f g h", "e f", "f g h a b c", "g h", "h a", "a c")
    torch.manual_seed(1)
    network = Network(network_config(CONFIG, len(sessions.catalogue), 1))
    batches = list(Batches(sessions, 8, 50).epoch(np.random.default_rng(2)))
    assert sorted(len(batch.inputs) for batch in batches) == [1, 8]
    for batch in batches:
        loss, whole = gradient(network, batch)
        shares = [gradient(network, World(rank, size).share(batch)) for rank in range(size)]
        assert sum(part for part, _ in shares) / size == pytest.approx(loss, rel=1e-5)
        mean = torch.stack([part for _, part in shares]).mean(dim=0)
        torch.testing.assert_close(mean, whole, rtol=1e-4, atol=1e-6)


def test_one_process_takes_the_whole_batch() -> None:
    [batch] = Batches(handmade("a b c", "b c"), 8, 50).epoch(np.random.default_rng(2))
    assert World().share(batch) is batch
    assert World().leads


def trained(folder: Path, events: Path, *options: str, processes: int = 1) -> Run:
    """Run `nextitem train` in some processes and return its run."""
    out = folder / f"run-{processes}"
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    ended = subprocess.run(
        [*start, "-m", "model_export.cli", "train", str(events), "--out", str(out), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    # Only one process reports.
    assert ended.stderr.count("on the validation days") == 1
    return read_run(out)


@pytest.mark.slow
def test_two_processes_train_the_network_of_one(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", cycle(items=12, sessions=331))
    options = (
        "--epochs",
        "4",
        "--networks",
        "1",
        "--hidden",
        "16",
        "--batch",
        "32",
        "--dropout",
        "0",
        "--loss",
        "softmax",
        "--memory-sessions",
        "0",
    )
    alone, together = (trained(tmp_path, tmp_path / "events.csv", *options, processes=count) for count in (1, 2))
    curves = [np.array(run.record.curves[0].epochs) for run in (alone, together)]
    assert curves[0].shape == curves[1].shape == (4, 3)
    np.testing.assert_allclose(curves[0][:, 0], curves[1][:, 0], atol=TOLERANCE)
    assert curves[0][0, 0] > curves[0][-1, 0] + 0.5
    np.testing.assert_allclose(alone.weights["table"], together.weights["table"], atol=0.02)
    assert json.loads((tmp_path / "run-2" / "run.json").read_text())["training"]["data_sha256"]
    assert [path.name for path in tmp_path.glob("run-2/metrics/*")] != []


@pytest.mark.slow
def test_processes_agree_on_early_stopping(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", cycle(items=12, sessions=200))
    options = ("--epochs", "9", "--hidden", "16", "--batch", "16", "--loss", "sampled-softmax")
    run = trained(tmp_path, tmp_path / "events.csv", *options, processes=2)
    assert run.record.validation["hr@20"] == 1.0
    assert run.record.curves[0].epochs[-1][0] < run.record.curves[0].epochs[0][0]

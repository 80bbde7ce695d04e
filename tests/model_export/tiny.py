"""Data, runs and artifacts of a few dozen items for the tests.

Torch uses one thread: several threads sum in another order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.data.sessions import Sessions
from model_export.export.export import export
from model_export.metrics.ranking import Accuracy
from model_export.progress import Phase, Unwatched
from model_export.training.fit import Epoch
from model_export.training.run_folder import Curve, Run, RunRecord, Weights
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import Bounds, PopularItem, Training

torch.set_num_threads(1)

DAY = 86_400
FIRST_SECOND = 18_000 * DAY

LOOSE = Bounds(overlap=0.0, hr_delta=1.0)
"""Bounds for untrained weights, whose order quantization changes most."""


def cycle(items: int = 8, sessions: int = 48, length: int = 5, days: int = 6) -> Sessions:
    """Sessions in which item n is always followed by item n + 1, and the last by the first."""
    starts = np.arange(sessions) * (days * DAY // sessions) + FIRST_SECOND
    codes = (np.arange(sessions)[:, None] + np.arange(length)[None, :]) % items
    events = sessions * length
    return Sessions.from_events(
        catalogue=[f"item-{code:05}" for code in range(items)],
        ids=[f"s{number}" for number in range(sessions)],
        owners=np.repeat(np.arange(sessions), length),
        codes=codes.reshape(-1).astype(np.int32),
        times=(starts[:, None] + 10.0 * np.arange(length)[None, :]).reshape(-1).astype(np.float64),
        rows=np.arange(1, events + 1),
    )


@dataclass
class RecordingWatcher:
    """A watcher that records progress."""

    batches: list[tuple[str, int, int, int]] = field(default_factory=list)
    epochs: list[tuple[str, Epoch]] = field(default_factory=list)
    blends: list[Accuracy] = field(default_factory=list)
    plans: list[tuple[Phase, ...]] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)

    def plan(self, phases: Sequence[Phase]) -> None:
        self.plans.append(tuple(phases))

    def step(self, phase: str, done: int) -> None:
        self.steps.append((phase, done))

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        self.batches.append((stage, epoch, done, total))

    def epoch(self, stage: str, epoch: Epoch) -> None:
        self.epochs.append((stage, epoch))

    def blend(self, accuracy: Accuracy) -> None:
        self.blends.append(accuracy)

    def numbers(self, stage: str) -> list[int]:
        """The numbers of a stage's epochs in order."""
        return [epoch.number for of, epoch in self.epochs if of == stage]


def random_weights(items: int, hidden: int, layers: int, seed: int = 1) -> Weights:
    """Weights of about the size that training leaves, under torch's names and in its layouts."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> NDArray[np.float32]:
        return rng.normal(0.0, hidden**-0.5, shape).astype(np.float32)

    weights = {"table": some(items, hidden)}
    for layer in range(layers):
        for part in ("ih", "hh"):
            weights[f"gru.weight_{part}_l{layer}"] = some(3 * hidden, hidden)
            weights[f"gru.bias_{part}_l{layer}"] = some(3 * hidden)
    return weights


def random_run(
    items: int = 40,
    hidden: int = 16,
    *,
    layers: int = 1,
    normalised: bool = True,
    temperature: float = 0.07,
    sessions: int = 6,
    table: NDArray[np.float32] | None = None,
    types: tuple[str, ...] = (),
) -> Run:
    """An untrained run, with held-out sessions of random items and types."""
    rng = np.random.default_rng(2)
    weights = random_weights(items, hidden, layers)
    if types:
        weights["types"] = random_weights(len(types), hidden, 1, seed=5)["table"]
    if table is not None:
        weights["table"] = table
    training = Training(
        data_sha256="ab" * 32,
        sessions=12,
        events=60,
        first=1.0,
        last=60.0,
        seed=3,
        epochs=2,
        hyperparameters={"hidden": hidden, "loss": "softmax", "dropout": 0.25, "normalised": normalised},
    )
    record = RunRecord(
        training=training,
        items=items,
        hidden=hidden,
        layers=layers,
        normalised=normalised,
        temperature=temperature,
        validation={"hr@20": 0.5, "mrr@20": 0.25},
        curves=(Curve(((2.5, 0.25, 0.125), (1.5, 0.5, 0.25)), 2),),
        popular=tuple(PopularItem(code, round(0.5 / (code + 1), 6)) for code in range(min(items, 30))),
        libraries={"torch": "2.0"},
        types=types,
    )
    held_out = tuple(
        SessionEvents(codes, (codes % max(len(types), 1)).astype(np.int8))
        for codes in (rng.integers(0, items, rng.integers(2, 9)).astype(np.int32) for _ in range(sessions))
    )
    return Run(record, weights, tuple(f"item-{code:05}" for code in range(items)), held_out)


def exported(run: Run, out: Path, bounds: Bounds = LOOSE) -> Path:
    """Export a run and return the artifact's folder."""
    return export(run, out, bounds, Unwatched())


def model_of(run: Run, out: Path) -> Model:
    """Export a run and open its model."""
    return Model(open_artifact(exported(run, out)))


def listed(folder: Path) -> list[str]:
    """The paths of everything in a folder, hidden files included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

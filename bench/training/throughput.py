"""Epochs per minute: plain torch, and each optimisation of the trainer added to it, interleaved.

Plain torch pads random batches and computes the cross-entropy of all scores in float32. The optimisations are batches
of similar lengths; a cross-entropy that never holds all scores; products in bfloat16, the default on processors that
have them; and the sampled softmax, the default for large catalogues.

    python -m bench.training.throughput [--events FILE] [--threads 2] [--batches 48] [--json FILE]

Without a file it uses sessions of the shop simulator.
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import which
from typing import ClassVar

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.training.regimes import simulated_sessions
from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.training.batches import BUCKET, Batch, Batches
from model_export.training.config import FitConfig
from model_export.training.defaults import complete_config
from model_export.training.losses import Loss, make_loss
from model_export.training.network import Network
from model_export.training.trainer import BatchLoss, batches_of, network_config, seeded

PRODUCTS, SESSIONS = 20_000, 30_000
BURST = 4
"""Measured batches of one contender in its turn."""
WARM = 6
"""Batches before the measurement: the compiler needs them to see each kind of shape."""
PLAIN = "plain torch"


@dataclass(frozen=True)
class TrainingSpeed:
    """The speed of one kind of training; `times_plain` is the multiple of plain torch."""

    kind: str
    epochs_per_minute: float
    times_plain: float
    batch_ms: float


class Plain:
    """Torch's cross-entropy over all scores of a batch, as a loss."""

    of_all_items: ClassVar[bool] = True

    def __call__(
        self, network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        """See `Loss`."""
        rows = network.rows() if rows is None else rows
        return (functional.cross_entropy(network.scores(states, rows), targets, reduction="none") * weights).sum()


class Contender:
    """A network that trains one batch at a time."""

    def __init__(
        self, sessions: Sessions, config: FitConfig, loss: Loss, bucket: int = BUCKET, compiled: bool = False
    ) -> None:
        rng = seeded(config.seed)
        self._network = Network(network_config(config, len(sessions.catalogue), 1)).train()
        self._loss_of = BatchLoss(self._network, loss)
        if compiled:
            self._network.compile(dynamic=True)
        padded = config.batching != "session-parallel"
        batches = (
            Batches(sessions, config.batch, config.window, bucket=bucket) if padded else batches_of(sessions, config)
        )
        self.steps = len(batches)
        self._batches: Iterator[Batch] = itertools.chain.from_iterable(batches.epoch(rng) for _ in itertools.count())
        self._optimiser = torch.optim.AdamW(self._network.parameters(), lr=config.learning_rate, fused=True)
        self.seconds: list[float] = []

    def step(self) -> None:
        """Train with the next batch."""
        began = time.perf_counter()
        loss = self._loss_of(next(self._batches))
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self.seconds.append(time.perf_counter() - began)


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--events", type=Path, help="file of events (default: simulated ones)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the training (default: %(default)s)")
    parser.add_argument("--batches", type=int, default=48, help="batches of each kind of training")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sessions = read_sessions(arguments.events) if arguments.events else simulated_sessions(SESSIONS, PRODUCTS)
    config = complete_config(FitConfig(hidden=128), sessions)
    contenders = _contenders(sessions, config)
    for contender in contenders.values():
        for _ in range(WARM):
            contender.step()
        contender.seconds.clear()
    for _ in track(range(-(-arguments.batches // BURST)), "Training"):
        for contender in contenders.values():
            for _ in range(BURST):
                contender.step()
    rows = _rows(contenders)
    shape = f"{len(sessions):,} sessions, {len(sessions.codes):,} events, {len(sessions.catalogue):,} items"
    title = f"{shape}; batches of {config.batch} sessions, {arguments.threads} threads"
    table = Table("", "epochs per minute", "times plain", "ms per batch", title=title)
    for row in rows:
        table.add_row(row.kind, f"{row.epochs_per_minute:.2f}", f"{row.times_plain:.2f}", f"{row.batch_ms:.0f}")
    Console(width=110).print(table)
    write_json({"data": shape, "threads": arguments.threads, "rows": [asdict(row) for row in rows]}, arguments.json)


def _contenders(sessions: Sessions, config: FitConfig) -> dict[str, Contender]:
    counts = torch.from_numpy(np.bincount(sessions.codes, minlength=len(sessions.catalogue)).astype(np.float32))

    def contender(loss: FitConfig, kind: torch.dtype, compiled: bool = False) -> Contender:
        return Contender(sessions, loss, make_loss(loss, counts, kind), compiled=compiled)

    lanes = complete_config(FitConfig(hidden=128, loss="softmax", batching="session-parallel"), sessions)
    softmax, sampled = replace(config, loss="softmax"), replace(config, loss="sampled-softmax")
    return {
        PLAIN: Contender(sessions, config, Plain(), 1),
        "+ batches of similar lengths": Contender(sessions, config, Plain(), BUCKET),
        "+ fused softmax": contender(softmax, torch.float32),
        "+ in bfloat16": contender(softmax, torch.bfloat16),
        **({"+ compiled network": contender(softmax, torch.bfloat16, compiled=True)} if which("g++") else {}),
        "in bfloat16, session-parallel": contender(lanes, torch.bfloat16),
        f"sampled softmax of {config.samples:,}": contender(sampled, torch.float32),
    }


def _rows(contenders: dict[str, Contender]) -> list[TrainingSpeed]:
    """Return means, not medians: batches differ in length, and an epoch is their sum."""
    minutes = {name: statistics.fmean(each.seconds) * each.steps / 60 for name, each in contenders.items()}
    return [
        TrainingSpeed(
            name,
            round(1 / minutes[name], 3),
            round(minutes[PLAIN] / minutes[name], 2),
            round(1000 * statistics.fmean(each.seconds), 1),
        )
        for name, each in contenders.items()
    ]


if __name__ == "__main__":
    main()

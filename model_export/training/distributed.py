"""Train one network in several processes: torchrun starts them, DistributedDataParallel averages their gradients.

Every process draws the same batches from the same seed and takes its share of each batch's rows, so the batch size in
the settings is that of all processes together. A single process does nothing of this.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from model_export.training.batches import Batch
from model_export.training.config import MAX_SEED

PATIENCE = timedelta(hours=6)
"""Maximum time that processes wait: the leader validates, and fits the session memory, while the others wait."""

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train together: the rank of this one, and their number."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True if this process validates, reports progress and writes the run."""
        return self.rank == 0

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch.

        Rows differ in length, so weights are scaled: the mean of all processes' losses is the loss of the batch. With
        fewer rows than processes, some processes get a row of weight 0.
        """
        if self.size == 1:
            return batch
        rows = torch.arange(len(batch.inputs))[self.rank :: self.size]
        if len(rows) == 0:
            mine = batch.part(torch.zeros(1, dtype=torch.int64))
            return replace(mine, weights=torch.zeros_like(mine.weights))
        mine = batch.part(rows)
        part = self.size * float(mine.mask.sum()) / max(float(batch.mask.sum()), 1.0)
        return replace(mine, weights=mine.weights * part)

    def wrapped(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are averaged over processes, and whose initial weights are the leader's."""
        return module if self.size == 1 else DistributedDataParallel(module)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over processes."""
        if self.size > 1:
            dist.all_reduce(value)
            value /= self.size
        return value

    def by_leader(self, compute: Callable[[], T]) -> T:
        """Let the leader compute a value, and return it in every process."""
        if self.size == 1:
            return compute()
        values: list[T | None] = [compute() if self.leads else None]
        dist.broadcast_object_list(values, src=0)
        return values[0]  # type: ignore[return-value]  # the leader has put it there

    def reseed(self, seed: int) -> None:
        """Give each process random numbers of its own, after all have initialised the same weights."""
        if self.size > 1:
            torch.manual_seed((seed + 1 + self.rank) % MAX_SEED)


def current_world() -> World:
    """Return the processes within `join`; outside of it, this process alone."""
    return World(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else World()


@contextmanager
def join() -> Iterator[World]:
    """Train within the block with the other processes that torchrun has started, or alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield current_world()
    finally:
        dist.destroy_process_group()

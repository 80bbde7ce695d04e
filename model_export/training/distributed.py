"""Several processes that train one network: torchrun starts them, DistributedDataParallel averages their gradients.

Every process draws the same batches from the same seed and takes its share of each batch's rows, so the batch that
the settings name is the batch of all of them together. Alone, nothing here does anything. Knows no network.
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
"""How long processes wait for one: the leader judges, and fits the session memory, while the others wait."""

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train together, and which of them this is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that judges, tells and writes."""
        return self.rank == 0

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch.

        Weights are scaled so that the mean over processes of each one's mean loss is the mean loss of the batch:
        processes have rows of unlike lengths. Of too few rows for all, some processes have one that weighs nothing.
        """
        if self.size == 1:
            return batch
        rows = torch.arange(len(batch.inputs))[self.rank :: self.size]
        if len(rows) == 0:
            mine = batch.part(torch.zeros(1, dtype=torch.int64))
            return replace(mine, weights=torch.zeros_like(mine.weights))
        mine = batch.part(rows)
        part = self.size * float(mine.mask.sum()) / float(batch.mask.sum())
        return replace(mine, weights=mine.weights * part)

    def wrapped(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the mean over processes, and whose weights begin as the leader's."""
        return module if self.size == 1 else DistributedDataParallel(module)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over processes."""
        if self.size > 1:
            dist.all_reduce(value)
            value /= self.size
        return value

    def led(self, compute: Callable[[], T]) -> T:
        """Return what the leader computes, so that all decide alike."""
        if self.size == 1:
            return compute()
        found: list[T | None] = [compute() if self.leads else None]
        dist.broadcast_object_list(found, src=0)
        [answer] = found
        return answer  # type: ignore[return-value]  # the leader has put it there

    def reseed(self, seed: int) -> None:
        """Give each process noise of its own, once all have made the same weights."""
        if self.size > 1:
            torch.manual_seed((seed + 1 + self.rank) % MAX_SEED)


def world() -> World:
    """Return the world that `joined` has entered; the process alone outside of it."""
    return World(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else World()


@contextmanager
def joined() -> Iterator[World]:
    """Train with the other processes that torchrun has started, within the block; alone where it has not."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield world()
    finally:
        dist.destroy_process_group()

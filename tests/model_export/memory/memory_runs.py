"""Runs with a memory of random sessions and an untrained network."""

from dataclasses import dataclass

import msgspec
import numpy as np

from model_export.data.sessions import Sessions
from model_export.memory import Blend, BlendedMemory, Gate, Memory, MemoryConfig, build_index
from model_export.training.run_folder import MemoryRecord, Run
from tests.model_export.tiny import random_run

BLEND = Blend(Gate(2.0, 0.3, -0.4, 0.05), 0.9, Gate(-1.5, 0.2, 0.1, -0.1), 0.25, Gate(2.5, -0.2, 0.5, 0.1), 1.5)


@dataclass(frozen=True)
class Shape:
    """Size of a memory."""

    items: int = 60
    sessions: int = 90
    seed: int = 3


def random_sessions(shape: Shape) -> Sessions:
    """Sessions of random items; each item is in at least one."""
    rng = np.random.default_rng(shape.seed)
    lists = [rng.integers(0, shape.items, rng.integers(1, 9)) for _ in range(shape.sessions)]
    lists.append(np.arange(shape.items))
    lengths = [len(items) for items in lists]
    return Sessions.from_events(
        catalogue=[f"item-{code:05}" for code in range(shape.items)],
        ids=[f"s{number}" for number in range(len(lists))],
        owners=np.repeat(np.arange(len(lists)), lengths),
        codes=np.concatenate(lists).astype(np.int32),
        times=np.arange(sum(lengths), dtype=np.float64),
        rows=np.arange(1, sum(lengths) + 1),
    )


def with_memory(
    shape: Shape | None = None, config: MemoryConfig | None = None, blend: Blend = BLEND, **run: object
) -> Run:
    """A run with a memory of random sessions."""
    shape, config = shape or Shape(), config or MemoryConfig(neighbours=12, per_item=20, recalled=25)
    memory = BlendedMemory(Memory(build_index(random_sessions(shape), config), config), blend)
    plain = random_run(shape.items, **run)  # type: ignore[arg-type]  # keywords of any type
    record = msgspec.structs.replace(plain.record, memory=MemoryRecord(config, blend))
    return msgspec.structs.replace(plain, memory=memory, record=record)

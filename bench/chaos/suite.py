"""The suite: faults that can share a deployment share one, each in turn. Knows no table and no command line."""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.chaos.faults import Fault
from bench.chaos.run import Pace, Row, run, warmed
from bench.chaos.scenes import missing, scene
from bench.chaos.traffic import THREADS
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model

SESSIONS = 200
"""Open at any time."""
AS_EVER = Pace()


def possible(faults: Sequence[Fault]) -> tuple[list[Fault], dict[str, str]]:
    """Return the faults that this machine can have, and why it cannot have the others, by name."""
    reasons = {shape: missing(shape) for shape in {fault.shape for fault in faults}}
    left_out = {fault.name: reason for fault in faults if (reason := reasons[fault.shape]) is not None}
    return [fault for fault in faults if fault.name not in left_out], left_out


def rows(
    faults: Sequence[Fault],
    begun: Callable[[Fault], None] = lambda _: None,
    *,
    sessions: int = SESSIONS,
    pace: Pace = AS_EVER,
) -> Iterator[Row]:
    """Run faults and yield what came of each.

    Args:
        faults: those of one shape side by side, as in `FAULTS`.
        begun: is told of each fault before it is run.
        sessions: how many are open at any time.
        pace: how long traffic goes on around each fault.
    """
    model = Model(open_artifact(demo_artifact()))
    for (shape, _), together in itertools.groupby(faults, key=lambda one: (one.shape, one.alone and one.name)):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, scene(shape, Path(folder)) as stage:
            settings = {"NEXTITEM_STORE_URL": stage.url}
            with Stack(artifact=demo_artifact(), max_workers=THREADS, settings=settings) as stack:
                warmed(stack, THREADS)
                for fault in together:
                    begun(fault)
                    yield run(fault, stage, stack, model, sessions, pace)

"""Run faults one after the other, in shared deployments where possible."""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.chaos.bucket_faults import ROUTE_SECONDS
from bench.chaos.catalogue import Fault
from bench.chaos.entries import EntryName, entry_of
from bench.chaos.experiment import FaultResult, Pace, run
from bench.chaos.lake import BUCKETS, Lake
from bench.chaos.targets import refusal, start_target
from bench.chaos.traffic import THREADS
from devstack.publish import demo_artifact
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model

SESSIONS = 200
"""Open at any time."""
NORMAL_PACE = Pace()


def possible(faults: Sequence[Fault]) -> tuple[list[Fault], dict[str, str]]:
    """Return the faults that this machine can run, and the reason against each other one, by name."""
    reasons = {shape: refusal(shape) for shape in {fault.shape for fault in faults}}
    left_out = {fault.name: reason for fault in faults if (reason := reasons[fault.shape]) is not None}
    return [fault for fault in faults if fault.name not in left_out], left_out


def run_faults(
    faults: Sequence[Fault],
    begun: Callable[[Fault], None] = lambda _: None,
    *,
    sessions: int = SESSIONS,
    pace: Pace = NORMAL_PACE,
    entry: EntryName = "lambda",
) -> Iterator[FaultResult]:
    """Run faults and yield the result of each.

    Args:
        faults: those of one shape side by side, as in `FAULTS`.
        begun: called with each fault before it runs.
        sessions: open at any time.
        pace: duration of the traffic around each fault.
        entry: the entry point that answers.
    """
    model = Model(open_artifact(demo_artifact()))
    for (shape, _), together in itertools.groupby(faults, key=lambda fault: (fault.shape, fault.alone and fault.name)):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, start_target(shape, Path(folder)) as target:
            settings = {"NEXTITEM_STORE_URL": target.url, "NEXTITEM_LAKE_BUCKETS": str(BUCKETS)}
            if shape == "bucket":
                settings["NEXTITEM_ROUTE_TTL_SECONDS"] = str(ROUTE_SECONDS)
            with (
                Stack(artifact=demo_artifact(), max_workers=THREADS, settings=settings) as stack,
                Lake(target.url, target.direct, Bucket(stack.bucket, stack.s3_endpoint)) as lake,
                entry_of(entry, stack, THREADS) as answering,
            ):
                target.lake, target.bucket = lake, Bucket(stack.bucket, stack.s3_endpoint)
                for fault in together:
                    begun(fault)
                    yield run(fault, target, answering, model, sessions, pace)

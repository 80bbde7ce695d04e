"""The event lake of a deployment: a collector in a process of its own, which faults can kill, behind a lossy S3.

At the end of a run the collector is killed, another one collects the rest without faults, and all files are read.
"""

import contextlib
import io
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.context import ForkServerProcess
from typing import Self

import pyarrow.parquet as pq

from bench.chaos.lake_oracle import LakeContents, LakeRow
from bench.common.lossy_proxy import LossyProxy
from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.lake.collector import MAX_FILE_BYTES, Collected, collect
from model_export.lake.compaction import compact
from model_export.lake.merge import MERGE_AGE_MS
from model_export.lake.records import DELETIONS, EVENTS, HOUR_MS
from model_export.lake.rounds import lost_after
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import RegistryUnavailable, StoreUnavailable
from nextitem.redis_client.url import parse_store_url

BUCKETS = 8
"""Streams: their slots are spread over all primaries of a Cluster."""
BATCH = 40
"""Entries of a file: so few that a stream's entries go to several."""
PAUSE_SECONDS = 0.4
"""Between two runs of the collector: events wait in the streams meanwhile, so that faults of the streams meet some."""
POLL_SECONDS = 0.1
"""Between two tries of the last run: nothing says when a failover is over, so it is tried until it succeeds."""
PATIENCE_SECONDS = 60.0
"""Limit for the last run, which may have to find a new primary."""
RETENTION_DAYS = 2


def collect_forever(url: str, bucket: Bucket) -> None:
    """Collect again and again; the entry point of the collector's process.

    Args:
        url: of the store, as the function has it.
        bucket: gets the lake.
    """
    streams = ValkeyStreams(parse_store_url(url), batch=BATCH)
    with object_store(bucket) as lake:
        while True:
            for number in range(BUCKETS):
                with contextlib.suppress(StoreUnavailable, RegistryUnavailable):  # the next run goes on
                    collect(streams, lake, number)
            time.sleep(PAUSE_SECONDS)


class Lake:
    """The lake of a deployment, inside its ``with`` block.

    Args:
        url: of the store, as the function has it.
        direct: of the store, without faults.
        bucket: the stack's bucket.

    Attributes:
        proxy: between the collector and the bucket.
    """

    def __init__(self, url: str, direct: str, bucket: Bucket) -> None:
        self._url, self._direct, self._bucket = url, direct, bucket
        # A forked process starts in 10 ms; a new interpreter needs 0.7 s for its imports, so a kill would hit these.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__])
        self._process: ForkServerProcess | None = None
        self.proxy = LossyProxy(bucket.endpoint)
        self._lost_before = 0

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
        self.proxy.__exit__(None, None, None)

    def begin(self) -> None:
        """Empty the lake and start the collector."""
        with self._collected() as (lake, lost):
            self._lost_before = lost
            for key in (*lake.keys(EVENTS), *lake.keys(DELETIONS)):
                lake.delete(key)
        self.start()

    def start(self) -> None:
        """Start the collector."""
        behind = Bucket(self._bucket.name, self.proxy.endpoint)
        self._process = self._processes.Process(target=collect_forever, args=(self._url, behind), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """Kill the collector at once.

        Raises:
            AssertionError: it has ended by itself.
        """
        process = self._running()
        process.kill()
        process.join()
        self._process = None
        if process.exitcode != -signal.SIGKILL:
            raise AssertionError(f"the collector ended by itself, with exit code {process.exitcode}")

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the collector's process inside the ``with`` block."""
        pid = self._running().pid or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def end(self) -> LakeContents:
        """Kill the collector, collect what is left, and return the lake before and after the compaction."""
        self.kill()
        self.proxy.left = 0
        with self._collected() as (lake, lost):
            rows = _rows(lake)
            later = time.time_ns() // 1_000_000 + HOUR_MS + MERGE_AGE_MS  # so that all hours are merged, too
            compact(lake, later, RETENTION_DAYS)
            return LakeContents(rows, _rows(lake), lost_after(self._lost_before, lost))

    def _running(self) -> ForkServerProcess:
        if self._process is None:
            raise AssertionError("the collector does not run")
        return self._process

    @contextlib.contextmanager
    def _collected(self) -> Iterator[tuple[BotoObjectStore, int]]:
        """Collect all that waits in the streams; yield the lake, and how many entries were ever lost."""
        streams = ValkeyStreams(parse_store_url(self._direct))
        try:
            with object_store(self._bucket) as lake:
                lost = sum(_patiently(partial(collect, streams, lake, number)).lost for number in range(BUCKETS))
                yield lake, lost
        finally:
            streams.close()


def _patiently(run: Callable[[], Collected]) -> Collected:
    """Run until the store answers: after a failover its new primary may not be known yet."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return run()
        except StoreUnavailable:
            if time.monotonic() > limit:
                raise
            time.sleep(POLL_SECONDS)


def _rows(lake: BotoObjectStore) -> list[LakeRow]:
    files = [lake.read(key, MAX_FILE_BYTES) for key in lake.keys(EVENTS)]
    tables = (pq.read_table(io.BytesIO(file.data), columns=list(LakeRow._fields)) for file in files if file is not None)
    return [LakeRow(**row) for row in itertools.chain.from_iterable(table.to_pylist() for table in tables)]

"""The collector of a stack's event lake: it runs again and again in the background (`nextitem lake collect`)."""

import contextlib
import threading
from typing import Self

from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.lake.collector import Collected
from model_export.lake.rounds import collect_round
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.errors import RegistryUnavailable, StoreUnavailable
from nextitem.redis_client.url import parse_store_url


class LakeCollector:
    """Brings the events of a stack into its bucket, inside its ``with`` block. At its end it runs once more.

    Args:
        store_url: of the session store.
        bucket: gets the lake.
        buckets: the function's number of streams.
        seconds: pause between two runs.

    Attributes:
        fault: why the last run failed; None if it did not. The next run goes on where it stopped.
    """

    def __init__(self, store_url: str, bucket: Bucket, buckets: int, seconds: float) -> None:
        self._store_url, self._bucket = parse_store_url(store_url), bucket
        self._buckets, self._seconds = buckets, seconds
        self._resources = contextlib.ExitStack()
        self._one_run = threading.Lock()
        self._stop = threading.Event()
        self._collected = Collected()
        self.fault: str | None = None
        self._thread = threading.Thread(target=self._collect_repeatedly, name="lake collector", daemon=True)

    def __enter__(self) -> Self:
        self._streams = ValkeyStreams(self._store_url)
        self._resources.callback(self._streams.close)
        self._lake = self._resources.enter_context(object_store(self._bucket))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._resources.close()

    @property
    def collected(self) -> Collected:
        """All that the runs so far wrote, and found to be lost."""
        return self._collected

    def collect(self) -> None:
        """Run now: afterwards the lake has every event that was acknowledged before the call, and its note says so.

        Raises:
            StoreUnavailable: the store does not answer.
            RegistryUnavailable: the bucket does not answer.
        """
        with self._one_run:
            counts = collect_round(
                self._streams, self._lake, self._buckets, is_over=lambda: False, report=lambda _counts: None
            )
            names = ("lake_events", "lake_deletions", "lake_unreadable", "lake_lost")
            self._collected += Collected(*(counts[name] for name in names))
            if counts["lake_streams_left"]:
                raise StoreUnavailable(f"{counts['lake_streams_left']} streams could not be read")

    def _collect_repeatedly(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stop.wait(self._seconds)
            try:
                self.collect()
                self.fault = None
            except (StoreUnavailable, RegistryUnavailable) as error:
                self.fault = str(error)

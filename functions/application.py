"""Build the objects that answer requests, once per process, and renew them around a SnapStart snapshot."""

import contextlib
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from nextitem import LOADING_SINCE
from nextitem.aws.object_store import ObstoreReader
from nextitem.aws.s3_prefetch import route_keys
from nextitem.aws.snapstart import Restorable, register, under_snapstart
from nextitem.background_call import BackgroundCall
from nextitem.deadline import Deadline
from nextitem.errors import NoModel, StoreUnavailable
from nextitem.service.recommender import Recommender
from nextitem.service.router import START_SECONDS, Router
from nextitem.service.schema import ItemsRequest, RankingOptions
from nextitem.service.trending import Trending
from nextitem.sessions.circuit_breaker import CircuitBreaker
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.secret_reader import SecretReader
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.settings import Settings
from nextitem.telemetry.record import ColdPhase, RequestRecord, Telemetry, process_age_ms

if TYPE_CHECKING:
    from nextitem.service.self_check import SelfCheckResult
    from nextitem.telemetry.sink import MetricsSink
    from startup import Startup

RESTORE_SECONDS = 5.0
"""Maximum wait for route and secret after a restore. Lambda allows 10 s for a restore in all."""
CONNECT_SECONDS = 1.0
"""Maximum time to connect to the store before the first request, in the background."""
CLIENT_SECONDS = 1.0
"""Maximum wait for the import of redis-py : a request that came before its end would not be stored."""
SECRET_SECONDS = 0.25
"""Maximum wait for the key secret after the models are loaded. Until it is read, answers are stateless."""


class Application(Restorable):
    """The objects that requests use; SnapStart's hooks renew them after a restore.

    Args:
        recommender: answers.
        telemetry: reports.
        router: has the models.
        keys: have the secret.
        valkey: the session store, without its circuit breaker.
        bucket: with the models.
        read_again: keys of its objects that a restore reads at the same time: one after the other is a round trip each.
    """

    def __init__(
        self,
        recommender: Recommender,
        telemetry: Telemetry,
        router: Router,
        keys: KeyRing,
        valkey: ValkeyStore,
        bucket: ObstoreReader,
        read_again: Collection[str] = (),
    ) -> None:
        self.recommender, self.telemetry = recommender, telemetry
        self.router, self.keys = router, keys
        self._valkey, self._bucket, self._read_again = valkey, bucket, read_again

    def verify(self) -> "SelfCheckResult":
        """Check everything that an answer needs. The store is called past its circuit breaker.

        Raises:
            SelfCheckFailed: its text says what failed, and why.
        """
        from nextitem.service import self_check  # imported lazily: only the pre-traffic hook uses it

        return self_check.verify(self.router, self.keys, self._valkey)

    def warm_up(self) -> None:
        """Answer one request and wait for the catalogue."""
        with contextlib.suppress(NoModel):  # it is logged already, and the next request loads again
            self.recommender.recommend(ItemsRequest((), RankingOptions()), RequestRecord())
            self.router.model_for(attributes=True)

    def finish(self, limit: Deadline) -> None:
        """Wait until the saves of all requests are stored, or until a deadline; the process then ends."""
        self.recommender.finish(limit)

    def before_snapshot(self) -> None:
        """Warm up: no download may be under way in a snapshot. Then forget the secret and close all connections."""
        self.warm_up()
        self.keys.secret.forget()
        self._valkey.close()

    def after_restore(self) -> None:
        """Renew connections, secret and route. If the route cannot be read in time, the snapshot's model serves."""
        begun = time.perf_counter()
        limit = Deadline.after(RESTORE_SECONDS)
        reading = self.keys.secret.start_reading()
        threading.Thread(target=_connect, args=(self._valkey,), name="connecting", daemon=True).start()
        self._bucket.renew(self._read_again)
        self.router.refresh(limit.remaining())
        reading.join(limit.remaining())
        self.telemetry.report_restore((time.perf_counter() - begun) * 1000)


def start(startup: "Startup", sink: "MetricsSink | None" = None, *, ready_first: bool = False) -> Application:
    """Build an application and wait until models, key secret and store client are loaded, in parallel.

    Args:
        startup: what began before the imports.
        sink: takes the metrics records; by default they go to the log, for CloudWatch.
        ready_first: whether the process gets no request until it is ready, so that no request counts as slow for it.
    """
    importing = (time.perf_counter() - LOADING_SINCE) * 1000
    cold: dict[ColdPhase, float] = {"process_start": max(0.0, process_age_ms() - importing), "import": importing}
    settings = startup.settings
    telemetry = Telemetry(cold, settings.stack, settings.placements, sink, ready_first=ready_first)
    keys = _keys(settings, telemetry)
    threading.excepthook = lambda death: telemetry.report_fault(death.exc_value or death.exc_type())
    router = Router(
        startup.registry,
        settings.route,
        settings.route_ttl,
        telemetry.report_fault,
        starting=startup.models,
        exclude_seen=settings.exclude_seen,
        explore=settings.explore,
    )
    valkey = ValkeyStore(
        settings.store_url,
        timeout=settings.store_timeout,
        ttl=settings.session_ttl,
        region=settings.region,
        connect_timeout=settings.store_connect_timeout,
    )
    store = CircuitBreaker(valkey)
    loading = time.perf_counter()
    reading = keys.secret.start_reading()
    client = BackgroundCall(valkey.load_client, "redis-py")
    if not under_snapstart():  # no connection may be in a snapshot
        threading.Thread(target=_connect, args=(valkey,), name="connecting", daemon=True).start()
    telemetry.prepare()
    router.refresh(START_SECONDS)
    reading.join(SECRET_SECONDS)
    with contextlib.suppress(TimeoutError):
        client.result(Deadline.after(CLIENT_SECONDS))
    cold["model_load"] = (time.perf_counter() - loading) * 1000
    trending = None
    if settings.trending:
        counts = valkey.trends(f"{settings.stack}/{settings.route}", settings.trending_half_life)
        trending = Trending(store.trends(counts), settings.trending_field)
    recommender = Recommender(router, store, keys, settings.deadline, trending)
    refreshed = route_keys(settings.route)
    application = Application(recommender, telemetry, router, keys, valkey, startup.bucket, refreshed)
    register(application)
    return application


def _connect(valkey: ValkeyStore) -> None:
    """Connect to the store before the first request. Errors are ignored: the request meets them itself."""
    with contextlib.suppress(StoreUnavailable):
        valkey.prepare(Deadline.after(CONNECT_SECONDS))


def _keys(settings: Settings, telemetry: Telemetry) -> KeyRing:
    secret = settings.key_secret
    if secret is not None:
        return KeyRing(lambda: secret, settings.session_ttl, telemetry.report_fault, lake_buckets=settings.lake_buckets)
    reader = SecretReader(settings.key_secret_id or "", region=settings.region, endpoint=settings.secrets_endpoint)
    return KeyRing(reader, settings.session_ttl, telemetry.report_fault, lake_buckets=settings.lake_buckets)

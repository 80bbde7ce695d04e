"""One process of the function: its rooms wired together, and what it does around a snapshot of SnapStart's.

Knows no event and no answer: `recommend.py` has those.
"""

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from nextitem import LOADING_SINCE
from nextitem.aws.object_store import ObstoreReader
from nextitem.aws.snapstart import Restorable, register, under_snapstart
from nextitem.background_call import BackgroundCall
from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, NoModel, RegistryUnavailable, StoreUnavailable
from nextitem.service.recommender import Recommender
from nextitem.service.router import START_SECONDS, Router
from nextitem.service.schema import ItemsRequest, RankingOptions
from nextitem.sessions.circuit_breaker import CircuitBreaker
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.secret_reader import SecretReader
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.settings import Settings
from nextitem.telemetry.record import ColdPhase, RequestRecord, Telemetry, process_age_ms

if TYPE_CHECKING:
    from nextitem.registry.loading import LoadedRoute
    from nextitem.service.self_check import Report
    from startup import Startup

RESTORE_SECONDS = 5.0
"""The longest wait for route and secret after a restore: Lambda gives a restore 10 s in all."""
CONNECT_SECONDS = 1.0
"""The longest that connecting to the store ahead of the first request may go on; nobody waits for it."""
CLIENT_SECONDS = 1.0
"""The longest wait for the import of redis-py, 63 ms: a first request that came before it would not be stored."""
SECRET_SECONDS = 0.25
"""The longest that a start waits for the key secret once all else is there: requests do without it until it is read."""


class Application(Restorable):
    """The rooms that a request needs, and those that a restore renews."""

    def __init__(
        self,
        recommender: Recommender,
        telemetry: Telemetry,
        router: Router,
        keys: KeyRing,
        links: ValkeyStore,
        bucket: ObstoreReader,
    ) -> None:
        self.recommender, self.telemetry = recommender, telemetry
        self.router, self.keys = router, keys
        self._links, self._bucket = links, bucket

    def verified(self) -> "Report":
        """Check everything that an answer needs; the store is asked whatever its breaker thinks of it.

        Raises:
            SelfCheckFailed: it says what failed, and why.
        """
        from nextitem.service import self_check  # what a deployment's hook asks for, no cold start need know

        return self_check.verified(self.router, self.keys, self._links)

    def before_snapshot(self) -> None:
        """Warm the way of a request up (loading the model did so with its kernels); leave no connection open."""
        with contextlib.suppress(NoModel):  # it has been logged, and a restored environment looks again
            self.recommender.recommend(ItemsRequest((), RankingOptions()), RequestRecord())
        self.keys.secret.forget()
        self._links.close()

    def after_restore(self) -> None:
        """Drop what the snapshot held of the network, and serve the route as it is now, or the snapshot's model."""
        begun = time.perf_counter()
        limit = Deadline.after(RESTORE_SECONDS)
        reading = self.keys.secret.start_reading()
        threading.Thread(target=_connect, args=(self._links,), name="connecting", daemon=True).start()
        self._bucket.renew()
        self.router.refresh(limit.remaining())
        reading.join(limit.remaining())
        self.telemetry.report_restore((time.perf_counter() - begun) * 1000)


def start(startup: "Startup") -> Application:
    """Build what answers requests, and wait for the models, the key secret and Powertools' import at once.

    Args:
        startup: what began before the imports.
    """
    importing = (time.perf_counter() - LOADING_SINCE) * 1000
    cold: dict[ColdPhase, float] = {"process_start": max(0.0, process_age_ms() - importing), "import": importing}
    telemetry = Telemetry(cold)
    settings = startup.settings
    keys = _keys(settings, telemetry)
    router = Router(startup.registry, settings.route, settings.route_ttl, telemetry.report_fault)
    valkey = ValkeyStore(
        settings.store_url, timeout=settings.store_timeout, ttl=settings.session_ttl, region=settings.region
    )
    store = CircuitBreaker(valkey)
    loading = time.perf_counter()
    reading = keys.secret.start_reading()
    client = BackgroundCall(valkey.load_client, "redis-py")
    if not under_snapstart():  # no connection may be in a snapshot
        threading.Thread(target=_connect, args=(valkey,), name="connecting", daemon=True).start()
    telemetry.prepare()
    _load_models(router, startup.models, telemetry)
    reading.join(SECRET_SECONDS)
    with contextlib.suppress(TimeoutError):
        client.result(Deadline.after(CLIENT_SECONDS))
    cold["model_load"] = (time.perf_counter() - loading) * 1000
    recommender = Recommender(router, store, keys, settings.deadline)
    application = Application(recommender, telemetry, router, keys, valkey, startup.bucket)
    register(application)
    return application


def _load_models(router: Router, models: "BackgroundCall[LoadedRoute]", telemetry: Telemetry) -> None:
    """Wait for the models. On any error requests try again, and are answered 503 until it works."""
    try:
        router.load(models.result(Deadline.after(START_SECONDS)))
    except TimeoutError:
        telemetry.report_fault(RegistryUnavailable(f"the models were not loaded within {START_SECONDS:g} s"))
    except NextItemError as error:
        telemetry.report_fault(error)
    except Exception:
        telemetry.log.exception("the models could not be loaded")


def _connect(links: ValkeyStore) -> None:
    """Connect to the store ahead of the first request, which will find out itself if that is not possible."""
    with contextlib.suppress(StoreUnavailable):
        links.prepare(Deadline.after(CONNECT_SECONDS))


def _keys(settings: Settings, telemetry: Telemetry) -> KeyRing:
    secret = settings.key_secret
    if secret is not None:
        return KeyRing(lambda: secret, settings.session_ttl, telemetry.report_fault)
    reader = SecretReader(settings.key_secret_id or "", region=settings.region, endpoint=settings.secrets_endpoint)
    return KeyRing(reader, settings.session_ttl, telemetry.report_fault)

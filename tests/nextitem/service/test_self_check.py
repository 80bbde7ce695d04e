"""The self-check finds a fault, names it, and leaves nothing behind."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from devstack.processes.children import Children
from devstack.services.valkey import Valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.background_call import BackgroundCall
from nextitem.deadline import Deadline
from nextitem.errors import SecretUnavailable, SelfCheckFailed, StoreUnavailable
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import CERTIFICATE
from nextitem.redis_client.url import parse_store_url
from nextitem.registry.availability import availability_key
from nextitem.registry.loading import load_route
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, Variant, route_key
from nextitem.service.router import Router
from nextitem.service.self_check import TRIES, CheckedModel, SelfCheckResult, verify
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.session import (
    EMPTY,
    Answerer,
    Appended,
    Event,
    Impression,
    PendingSave,
    SessionKey,
    SessionRecord,
    SessionStore,
    Snapshot,
)
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, SECRET, another_version, fresh_key, remade
from tests.nextitem.publishers import UnjudgedPublisher
from tests.nextitem.service.service import fixed_keys
from tests.nextitem.sessions.failing_store import FailingStore
from tests.nextitem.valkey_server import OwnValkey


@pytest.fixture
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@pytest.fixture
def contents(valkey: Valkey) -> Iterator[Callable[[], set[bytes]]]:
    """The keys that the store has."""
    with Redis.from_url(valkey.url) as client:
        yield lambda: set(client.scan_iter())


def fault_of(router: Router, keys: KeyRing, store: SessionStore) -> str:
    with pytest.raises(SelfCheckFailed) as caught:
        verify(router, keys, store)
    return str(caught.value)


def routed(bucket: BotoObjectStore, *variants: Variant) -> None:
    """Make a route."""
    assert bucket.create(route_key("live"), msgspec.json.encode(Route(1, variants, "2026-01-20T09:20:00Z")))


def router_of(bucket: BotoObjectStore, folder: Path, *, cold_start: bool = False) -> Router:
    registry = Registry(bucket, folder)
    starting = BackgroundCall(lambda: load_route(registry, "live"), "models") if cold_start else None
    return Router(registry, "live", ttl=1e9, on_fault=lambda fault: pytest.fail(str(fault)), starting=starting)


@pytest.mark.slow
def test_a_working_version_is_reported(
    router: Router, store: ValkeyStore, demo: Path, contents: Callable[[], set[bytes]]
) -> None:
    before = contents()
    goldens = len(open_artifact(demo).certificate().sessions)
    assert verify(router, fixed_keys(), store) == SelfCheckResult(
        "ok", [CheckedModel(demo.name, "main", goldens)], "ok"
    )
    # nothing is left of the probe
    assert contents() == before


@pytest.mark.slow
def test_every_variant_of_the_route_is_checked(
    bucket: BotoObjectStore, demo: Path, tmp_path: Path, folder: Path, store: ValkeyStore
) -> None:
    publisher = UnjudgedPublisher(bucket)
    main, trial = publisher.publish(demo), publisher.publish(another_version(demo, tmp_path))
    publisher.promote(main, folder)
    publisher.start_experiment(trial, 0.2, folder)

    models = verify(router_of(bucket, folder), fixed_keys(), store).models
    assert [(report.variant, report.version) for report in models] == [("main", main), ("challenger", trial)]


def test_a_fault_in_the_last_golden_session_is_found(
    bucket: BotoObjectStore, demo: Path, tmp_path: Path, folder: Path, store: ValkeyStore
) -> None:
    certificate = open_artifact(demo).certificate()
    *others, last = certificate.sessions
    wrong = msgspec.structs.replace(last, scores=tuple(score + 9 for score in last.scores))
    document = msgspec.json.encode(msgspec.structs.replace(certificate, sessions=(*others, wrong)))
    version = Publisher(bucket).publish(remade(demo, tmp_path, {CERTIFICATE: document}))
    routed(bucket, Variant("trial", version, 1))

    # GIVEN a process that has started, which checks the first golden sessions only
    router = router_of(bucket, folder, cold_start=True)
    router.load()
    # THEN the check before traffic finds the last one
    fault = fault_of(router, fixed_keys(), store)
    assert fault.startswith(f"model {version} of variant trial failed the check: {version} scores golden item 1 ")


def test_without_a_route_there_is_nothing_to_serve(bucket: BotoObjectStore, folder: Path, store: ValkeyStore) -> None:
    fault = fault_of(router_of(bucket, folder), fixed_keys(), store)
    assert fault.startswith("the route failed the check: routes/live.json is not in the bucket")


def test_the_availability_must_be_readable(
    bucket: BotoObjectStore, demo: Path, tmp_path: Path, store: ValkeyStore
) -> None:
    routed(bucket, Variant("main", Publisher(bucket).publish(demo), 1))
    assert bucket.create(availability_key("live"), b"nothing")
    faults: list[BaseException] = []
    router = Router(Registry(bucket, tmp_path), "live", ttl=1e9, on_fault=faults.append)
    fault = fault_of(router, fixed_keys(), store)
    assert fault.startswith("the availability of items failed the check: availability/live")
    assert len(faults) == 1


def test_a_secret_that_cannot_be_read_is_found(router: Router, store: ValkeyStore) -> None:
    secrets = iter([KeySecret(SECRET)])

    def read() -> KeySecret:
        for secret in secrets:
            return secret
        raise SecretUnavailable("Secrets Manager says AccessDeniedException")

    keys = KeyRing(read, 3600, lambda fault: pytest.fail(str(fault)))
    keys.secret.load()
    assert fault_of(router, keys, store) == (
        "the key secret failed the check: Secrets Manager says AccessDeniedException"
    )


def test_a_store_that_never_answers_is_tried_several_times(router: Router) -> None:
    store = FailingStore()
    fault = fault_of(router, fixed_keys(), store)
    assert fault == "the session store failed the check: this store never answers"
    assert store.calls == 2 * TRIES  # each try also deletes its probe session


class OtherStore(ValkeyStore):
    """A store with one verb that goes wrong."""

    wrong: str = ""
    failures: int = 0

    def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("its first connection takes long")
        if self.wrong == "share":
            super().append(key, [Event(events[0].item_id, "of another")], version, now, deadline)
        appended = super().append(key, events, version, now, deadline)
        return super().append(key, events, version, now, deadline) if self.wrong == "append" else appended

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        if self.wrong == "save":
            key = fresh_key()  # the store has no such session
        return super().save(key, version, snapshot, deadline, impression)

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        return EMPTY if self.wrong == "load" else super().load(key, version, deadline)

    def delete(self, key: SessionKey, deadline: Deadline, old: str | None = None) -> None:
        if self.wrong != "delete":
            super().delete(key, deadline, old)


@pytest.fixture
def other(valkey: Valkey) -> Iterator[OtherStore]:
    store = OtherStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=1)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("verb", "fault"),
    [
        ("append", "a new session is not empty"),
        ("share", "a new session is not empty"),
        ("save", "a snapshot was not saved"),
        ("load", "an appended event is not in the session"),
        ("delete", "a deleted session is still there"),
    ],
)
def test_a_store_with_a_wrong_operation_is_found(
    router: Router, other: OtherStore, contents: Callable[[], set[bytes]], verb: str, fault: str
) -> None:
    before, other.wrong = contents(), verb
    assert fault_of(router, fixed_keys(), other) == f"the session store failed the check: {fault}"
    # The probe session is deleted, unless deletion itself is the wrong operation.
    assert verb == "delete" or contents() == before


def test_a_slow_first_connection_is_not_a_fault(router: Router, other: OtherStore) -> None:
    other.failures = TRIES - 1
    assert verify(router, fixed_keys(), other).store == "ok"
    other.failures = TRIES
    assert fault_of(router, fixed_keys(), other).endswith("its first connection takes long")


def test_a_read_only_store_is_found(router: Router, children: Children, tmp_path: Path) -> None:
    server = OwnValkey(children, tmp_path)
    with server.client() as client:
        client.config_set("maxmemory", 1)
    store = ValkeyStore(parse_store_url(server.url), timeout=PATIENCE_SECONDS, ttl=3600)
    assert "maxmemory" in fault_of(router, fixed_keys(), store)
    store.close()
    server.kill()

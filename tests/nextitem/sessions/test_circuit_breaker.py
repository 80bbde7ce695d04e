"""The circuit breaker: a `SessionStore` that stops calling a store that fails."""

from collections.abc import Iterator

import pytest
from redis import Redis

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions import circuit_breaker
from nextitem.sessions.circuit_breaker import (
    FAILURE_THRESHOLD,
    FAIR_SECONDS,
    RESET_SECONDS,
    RUSHED_PER_FAILURE,
    CircuitBreaker,
)
from nextitem.sessions.session import EMPTY, SessionKey, SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, fresh_key, soon
from tests.nextitem.redis_client.test_pool import HangingUp
from tests.nextitem.service.router_scene import Clock
from tests.nextitem.sessions.failing_store import FailingSaving, FailingStore, unavailable
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.snapshot_contract import DAY_MS, Inspector
from tests.nextitem.sessions.store_contract import SessionStoreContract
from tests.nextitem.sessions.test_valkey_store import ValkeyInspector
from tests.nextitem.sessions.unavailable_store_contract import UnavailableStoreContract


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[SessionStore]:
    inner = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield CircuitBreaker(inner)
    inner.close()


@pytest.fixture(scope="module")
def inspector(valkey: Valkey) -> Iterator[Inspector]:
    with Redis.from_url(valkey.url) as client:
        yield ValkeyInspector(client)


class TestClosedCircuit(SessionStoreContract):
    """The breaker changes nothing while the store answers."""


class TestFailingStore(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self) -> SessionStore:
        return CircuitBreaker(FailingStore())


class Scene:
    """A circuit breaker whose store fails until it is repaired, and a clock."""

    def __init__(self, working: ValkeyStore) -> None:
        self.clock = Clock()
        self.server = working.server_of("")
        self.failing = FailingStore(self.server)
        self._working = working
        self.breaker = CircuitBreaker(self.failing, self.clock)

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(StoreUnavailable):
                self.breaker.load("key", VERSION, soon())

    def repair(self) -> None:
        self.breaker._store = self._working


@pytest.fixture
def scene(valkey: Valkey) -> Iterator[Scene]:
    working = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
    yield Scene(working)
    working.close()


def test_failures_in_a_row_open_the_circuit(scene: Scene) -> None:
    scene.fail(FAILURE_THRESHOLD)
    scene.fail(5)
    assert scene.failing.calls == FAILURE_THRESHOLD


def test_a_success_resets_the_count(scene: Scene, key: SessionKey) -> None:
    # GIVEN one failure less than the threshold, a success, and one less again
    scene.fail(FAILURE_THRESHOLD - 1)
    scene.repair()
    add(scene.breaker, key, event("a"))
    scene.breaker._store = scene.failing
    scene.fail(FAILURE_THRESHOLD - 1)
    # WHEN the store works again THEN it is called
    scene.repair()
    assert add(scene.breaker, key, event("a")).statuses == ("duplicate",)


def test_a_refused_command_shows_that_the_server_works(scene: Scene, valkey: Valkey, key: SessionKey) -> None:
    with Redis.from_url(valkey.url) as client:
        client.set(key, "text")
    for _ in range(2):
        scene.breaker._store = scene.failing
        scene.fail(FAILURE_THRESHOLD - 1)
        scene.repair()
        with pytest.raises(StoreRefused):
            scene.breaker.load(key, VERSION, soon())


def test_a_session_is_deleted_at_its_old_key_too(scene: Scene, key: SessionKey) -> None:
    scene.repair()
    old = fresh_key()
    add(scene.breaker, old, event("a"))
    scene.breaker.delete(key, soon(), old)
    assert scene.breaker.load(old, VERSION, soon()) == EMPTY


@pytest.mark.parametrize("passed", [RESET_SECONDS, -3600.0], ids=["reset timeout", "clock set back"])
def test_later_one_request_tries_and_its_failure_opens_the_circuit_again(scene: Scene, passed: float) -> None:
    scene.fail(FAILURE_THRESHOLD)
    scene.clock.now += passed
    scene.fail(5)
    assert scene.failing.calls == FAILURE_THRESHOLD + 1


def test_while_one_request_tries_the_others_fail(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an open circuit whose time has passed
    scene.fail(FAILURE_THRESHOLD)
    scene.clock.now += RESET_SECONDS
    asked = scene.failing.calls

    # WHEN another request comes before the trial has its answer THEN only the trial reaches the store
    def load_meanwhile(*_: object) -> None:
        scene.failing.calls += 1
        with pytest.raises(StoreUnavailable, match="circuit is open"):
            scene.breaker.load("another", VERSION, soon())

    monkeypatch.setattr(scene.failing, "load", load_meanwhile)
    scene.breaker.load("key", VERSION, soon())
    assert scene.failing.calls == asked + 1


def test_a_trial_that_succeeds_closes_the_circuit(scene: Scene, key: SessionKey) -> None:
    # GIVEN an open circuit of a store that works again
    scene.fail(FAILURE_THRESHOLD)
    scene.repair()
    with pytest.raises(StoreUnavailable, match="circuit is open"):
        add(scene.breaker, key, event("a"))
    # WHEN the reset time has passed THEN the store is called from then on
    scene.clock.now += RESET_SECONDS
    assert add(scene.breaker, key, event("a")).statuses == ("applied",)
    assert add(scene.breaker, key, event("b")).statuses == ("applied",)


def test_a_ping_that_succeeds_closes_the_circuit(scene: Scene, key: SessionKey) -> None:
    scene.fail(FAILURE_THRESHOLD)
    scene.repair()
    scene.breaker.ping(soon())
    assert add(scene.breaker, key, event("a")).statuses == ("applied",)


def test_a_delete_reaches_the_old_key(scene: Scene, key: SessionKey) -> None:
    scene.repair()
    old = fresh_key()
    add(scene.breaker, old, event("a"))
    scene.breaker.delete(key, soon(), old)
    assert scene.breaker.load(old, VERSION, soon()) == EMPTY


def test_failed_saves_count(scene: Scene) -> None:
    for _ in range(FAILURE_THRESHOLD):
        with pytest.raises(StoreUnavailable):
            scene.breaker.save("key", VERSION, None, soon()).result(soon())
    calls = scene.failing.calls
    scene.fail(1)
    assert scene.failing.calls == calls


def rushed() -> Deadline:
    return Deadline.after(FAIR_SECONDS / 2)


def test_a_rushed_request_counts_for_less(scene: Scene, key: SessionKey) -> None:
    scene.breaker._store = FailingStore(scene.server, late=True)
    for _ in range(FAILURE_THRESHOLD * RUSHED_PER_FAILURE - 1):
        with pytest.raises(StoreUnavailable):
            scene.breaker.load(key, VERSION, rushed())
    scene.repair()
    assert add(scene.breaker, key, event("a")).statuses == ("applied",)


def test_many_rushed_requests_open_the_circuit(scene: Scene, key: SessionKey) -> None:
    late = scene.breaker._store = FailingStore(scene.server, late=True)
    for _ in range(2 * FAILURE_THRESHOLD * RUSHED_PER_FAILURE):
        with pytest.raises(StoreUnavailable):
            scene.breaker.load(key, VERSION, rushed())
    assert late.calls == FAILURE_THRESHOLD * RUSHED_PER_FAILURE


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "hangs up"])
def test_a_broken_connection_is_a_failure_however_little_time_there_was(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAIR_SECONDS", 2 * PATIENCE_SECONDS)  # every request is rushed
    with HangingUp() as server:
        port = server.port if listens else free_port()
        breaker = CircuitBreaker(ValkeyStore(parse_store_url(f"redis://{LOOPBACK}:{port}"), timeout=60, ttl=60))
        for _ in range(FAILURE_THRESHOLD):
            with pytest.raises(StoreUnavailable, match="hung up"):
                breaker.load("key", VERSION, soon())
        with pytest.raises(StoreUnavailable, match="circuit is open"):
            breaker.load("key", VERSION, soon())


class LateSaving(FailingSaving):
    def result(self, deadline: Deadline) -> bool:
        raise unavailable(self._server, late=True)


def test_a_save_without_a_reply_is_a_failure_though_no_time_is_left(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.failing, "save", lambda *_: LateSaving(scene.server))
    for _ in range(FAILURE_THRESHOLD):
        with pytest.raises(StoreUnavailable):
            scene.breaker.save("key", VERSION, None, soon()).result(Deadline.after(0))
    scene.fail(1)
    assert scene.failing.calls == 0

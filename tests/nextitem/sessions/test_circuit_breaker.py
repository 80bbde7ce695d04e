"""The guard around a session store: it is one itself, and it spares a store that fails."""

from collections.abc import Iterator

import pytest
from redis import Redis

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions import circuit_breaker
from nextitem.sessions.circuit_breaker import FAILURES, FAIR_SECONDS, HURRIED, REST_SECONDS, GuardedStore
from nextitem.sessions.session import SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.redis_client.test_pool import HangingUp
from tests.nextitem.service.router_scene import Clock
from tests.nextitem.sessions.failing_store import FailingSaving, FailingStore
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.snapshot_contract import DAY_MS, Inspector
from tests.nextitem.sessions.store_contract import SessionStoreContract
from tests.nextitem.sessions.test_valkey_store import ValkeyInspector
from tests.nextitem.sessions.unavailable_store_contract import UnavailableStoreContract


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[SessionStore]:
    inner = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield GuardedStore(inner)
    inner.close()


@pytest.fixture(scope="module")
def inspector(valkey: Valkey) -> Iterator[Inspector]:
    with Redis.from_url(valkey.url) as client:
        yield ValkeyInspector(client)


class TestGuarded(SessionStoreContract):
    """A guard changes nothing while the store answers."""


class TestGuardedFailing(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self) -> SessionStore:
        return GuardedStore(FailingStore())


class Sick:
    """A store behind a guard that a test makes sick and well."""

    def __init__(self, well: SessionStore) -> None:
        self.clock = Clock()
        self.failing = FailingStore()
        self._well = well
        self.guard = GuardedStore(self.failing, self.clock)

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(StoreUnavailable):
                self.guard.load("key", VERSION, soon())

    def heal(self) -> None:
        self.guard._store = self._well


@pytest.fixture
def sick(valkey: Valkey) -> Iterator[Sick]:
    well = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
    yield Sick(well)
    well.close()


def test_a_store_that_failed_several_times_is_not_asked(sick: Sick) -> None:
    # GIVEN as many failures in a row as it takes
    sick.fail(FAILURES)
    # WHEN more is asked THEN it is refused without asking
    sick.fail(5)
    assert sick.failing.asked == FAILURES


def test_fewer_failures_change_nothing(sick: Sick, key: str) -> None:
    # GIVEN one failure less, then an answer, then one failure less again
    sick.fail(FAILURES - 1)
    failing = sick.guard._store
    sick.heal()
    add(sick.guard, key, event("a"))
    sick.guard._store = failing
    sick.fail(FAILURES - 1)
    # THEN the store is still asked
    sick.heal()
    assert add(sick.guard, key, event("a")).statuses == ("duplicate",)


def test_after_a_rest_one_request_tries(sick: Sick) -> None:
    # GIVEN a store left alone
    sick.fail(FAILURES)
    # WHEN the rest is over and several ask
    sick.clock.now += REST_SECONDS
    sick.fail(5)
    # THEN one of them reached the store, and it rests again
    assert sick.failing.asked == FAILURES + 1


def test_a_clock_that_was_set_back_ends_the_rest(sick: Sick) -> None:
    # GIVEN a store left alone, and a clock that is set back an hour
    sick.fail(FAILURES)
    sick.clock.now -= 3600
    # WHEN more is asked THEN the store is, once
    sick.fail(5)
    assert sick.failing.asked == FAILURES + 1


def test_a_store_that_answers_the_trial_is_used_again(sick: Sick, key: str) -> None:
    # GIVEN a store left alone, that is well again
    sick.fail(FAILURES)
    sick.heal()
    with pytest.raises(StoreUnavailable):
        add(sick.guard, key, event("a"))
    # WHEN the rest is over
    sick.clock.now += REST_SECONDS
    # THEN it is asked, and asked again
    assert add(sick.guard, key, event("a")).statuses == ("applied",)
    assert add(sick.guard, key, event("b")).statuses == ("applied",)


def test_a_ping_is_always_sent(sick: Sick, key: str) -> None:
    # GIVEN a store left alone, that is well again WHEN it answers a ping THEN it is used at once
    sick.fail(FAILURES)
    sick.heal()
    sick.guard.ping(soon())
    assert add(sick.guard, key, event("a")).statuses == ("applied",)


def test_failed_saves_count(sick: Sick) -> None:
    # GIVEN saves that fail when they are settled WHEN a load follows THEN the store is not asked
    for _ in range(FAILURES):
        with pytest.raises(StoreUnavailable):
            sick.guard.save("key", VERSION, None, soon()).settle(soon())
    asked = sick.failing.asked
    sick.fail(1)
    assert sick.failing.asked == asked


class LateStore(FailingStore):
    """A store that might have answered, given more time."""

    def _unavailable(self) -> StoreUnavailable:
        super()._unavailable()
        return StoreUnavailable("no answer in time", late=True)


def hurried() -> Deadline:
    return Deadline.after(FAIR_SECONDS / 2)


def test_a_client_in_a_hurry_spoils_nothing_for_others(sick: Sick, key: str) -> None:
    # GIVEN requests that give the store too little time
    sick.guard._store = LateStore()
    for _ in range(FAILURES * HURRIED - 1):
        with pytest.raises(StoreUnavailable):
            sick.guard.load(key, VERSION, hurried())
    # WHEN another gives it enough THEN it is asked
    sick.heal()
    assert add(sick.guard, key, event("a")).statuses == ("applied",)


def test_clients_that_are_all_in_a_hurry_spare_a_dead_store(sick: Sick, key: str) -> None:
    # GIVEN a store that never answers, and nobody who gives it much time
    late = sick.guard._store = LateStore()
    # WHEN they go on asking THEN it is left alone in the end
    for _ in range(2 * FAILURES * HURRIED):
        with pytest.raises(StoreUnavailable):
            sick.guard.load(key, VERSION, hurried())
    assert late.asked == FAILURES * HURRIED


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "hangs up"])
def test_a_store_that_is_not_there_has_failed_however_little_time_it_had(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a server that refuses connections, or ends each, and clients all of whom count as hurried
    monkeypatch.setattr(circuit_breaker, "FAIR_SECONDS", 2 * PATIENCE_SECONDS)
    with HangingUp() as server:
        port = server.port if listens else free_port()
        guard = GuardedStore(ValkeyStore(parse_store_url(f"redis://{LOOPBACK}:{port}"), timeout=60, ttl=60))
        # WHEN it was asked a few times THEN it is left alone
        for _ in range(FAILURES):
            with pytest.raises(StoreUnavailable, match=r"hung up|reached"):
                guard.load("key", VERSION, soon())
        with pytest.raises(StoreUnavailable, match="left alone"):
            guard.load("key", VERSION, soon())


class LateSaving(FailingSaving):
    def settle(self, deadline: Deadline) -> bool:
        raise StoreUnavailable("no answer in time", late=True)


def test_a_save_that_is_given_up_counts(sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN saves that had got no word when they were given up, with no time left WHEN a load follows
    monkeypatch.setattr(sick.failing, "save", lambda *_: LateSaving())
    for _ in range(FAILURES):
        with pytest.raises(StoreUnavailable):
            sick.guard.save("key", VERSION, None, soon()).settle(Deadline.after(0))
    # THEN the store is not asked
    sick.fail(1)
    assert sick.failing.asked == 0

"""The key secret in memory: renewed in the background, and requests wait for it only as long as they may."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nextitem.deadline import Deadline
from nextitem.errors import SecretUnavailable
from nextitem.sessions import secret_cache
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.secret_cache import RENEW_SECONDS, RETRY_SECONDS, TRUSTED_SECONDS, SecretCache
from tests.nextitem.parts import PATIENCE_SECONDS, passed, soon
from tests.nextitem.sessions.secret_source import OTHER, SECRET, SecretSource, wait_for_readers

FIRST, SECOND = KeySecret(SECRET), KeySecret(OTHER, SECRET, 1_000.0)


class SlowlyStarted(threading.Thread):
    """A thread that takes long to start, as where many threads take turns."""

    starting = threading.Event()

    def start(self) -> None:
        """Start it after a pause in which others go on."""
        self.starting.set()
        time.sleep(0.1)
        super().start()


@pytest.fixture
def source() -> SecretSource:
    return SecretSource(FIRST)


@pytest.fixture
def cache(source: SecretSource) -> SecretCache:
    """A cache that has read the secret."""
    return source.loaded_ring().secret


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for as long as their deadlines allow."""
    monkeypatch.setattr(secret_cache, "WAIT_SECONDS", 2 * PATIENCE_SECONDS)


def test_a_secret_is_read_once_and_kept(source: SecretSource, cache: SecretCache) -> None:
    source.now += RENEW_SECONDS - 1
    assert [cache.current() for _ in range(3)] == [FIRST] * 3
    assert source.reads == 1


def test_a_first_secret_that_cannot_be_read_is_tried_each_second(source: SecretSource) -> None:
    # GIVEN a secret that cannot be read
    source.secret = SecretUnavailable("not now")
    cache = source.ring().secret
    for reads in (1, 2):
        # WHEN requests follow within a second THEN each fails, and one read is tried
        for _ in range(3):
            with pytest.raises(SecretUnavailable, match="has not been read"):
                cache.current()
            wait_for_readers()
        assert source.reads == reads
        source.now += RETRY_SECONDS
    assert [str(fault) for fault in source.faults] == ["not now"] * 2

    # WHEN it can be read THEN requests succeed
    source.secret = FIRST
    cache.start_reading().join(PATIENCE_SECONDS)
    assert cache.current() == FIRST


def test_a_secret_is_renewed_in_the_background(source: SecretSource, cache: SecretCache) -> None:
    source.secret = SECOND
    source.now += RENEW_SECONDS
    cache.current()
    wait_for_readers()
    assert cache.current() == SECOND
    assert (source.reads, source.faults) == (2, [])


def test_a_failed_renewal_keeps_the_old_secret_and_is_tried_again(source: SecretSource, cache: SecretCache) -> None:
    source.secret = SecretUnavailable("not now")
    source.now += RENEW_SECONDS
    for _ in range(3):
        assert cache.current() == FIRST
        wait_for_readers()
    assert ([str(fault) for fault in source.faults], source.reads) == (["not now"], 2)

    source.secret = SECOND
    source.now += RETRY_SECONDS
    cache.current()
    wait_for_readers()
    assert cache.current() == SECOND


def test_a_clock_that_was_set_back_causes_a_renewal(source: SecretSource, cache: SecretCache) -> None:
    source.now -= 1e6
    cache.current()
    wait_for_readers()
    assert source.reads == 2


def test_a_forgotten_secret_is_read_before_it_is_used(source: SecretSource, cache: SecretCache, patient: None) -> None:
    cache.forget()
    source.secret = SECOND
    assert cache.current(soon()) == SECOND


def test_a_secret_too_old_to_be_trusted_is_renewed_before_it_is_used(
    source: SecretSource, cache: SecretCache, patient: None
) -> None:
    source.secret = SECOND
    source.now += TRUSTED_SECONDS
    assert cache.current(soon()) == SECOND


def test_a_read_that_hangs_costs_requests_no_more_than_they_may_wait(source: SecretSource, patient: None) -> None:
    # GIVEN a read that hangs
    gate = threading.Event()

    def hang() -> KeySecret:
        assert gate.wait(PATIENCE_SECONDS)
        return FIRST

    cache = SecretCache(hang, source.faults.append, lambda: source.now)
    # WHEN requests with short deadlines follow at long intervals THEN each fails, and only one read is running
    for limit in (passed(), Deadline.after(0.01), passed()):
        with pytest.raises(SecretUnavailable):
            cache.current(limit)
        with pytest.raises(SecretUnavailable):
            cache.trusted(limit)
        source.now += RENEW_SECONDS
    assert sum(thread.name == "secret" for thread in threading.enumerate()) == 1

    # WHEN it ends THEN its secret is used; requests do not wait for a read that began long ago
    gate.set()
    wait_for_readers()
    assert cache.current(passed()) == FIRST
    wait_for_readers()


def test_requests_leave_half_of_their_time_to_the_store(source: SecretSource, patient: None) -> None:
    waits: list[float | None] = []

    class Reader(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            waits.append(timeout)

    cache = source.ring().secret
    cache._reader, cache._read_began = Reader(), source.now
    with pytest.raises(SecretUnavailable):
        cache.current(Deadline(at=10.0, clock=lambda: 0.0))
    assert waits == [5.0]


def test_a_trusted_secret_was_read_recently(source: SecretSource, cache: SecretCache) -> None:
    source.secret = SECOND
    source.now += TRUSTED_SECONDS
    assert cache.trusted(soon()) == SECOND

    source.secret = SecretUnavailable("not now")
    assert cache.trusted(passed()) == SECOND
    source.now += TRUSTED_SECONDS
    with pytest.raises(SecretUnavailable, match="try again"):
        cache.trusted(soon())


def test_the_age_of_a_secret_counts_from_the_start_of_its_read(source: SecretSource) -> None:
    def read() -> KeySecret:
        source.now += TRUSTED_SECONDS
        return FIRST

    with pytest.raises(SecretUnavailable, match="try again"):
        SecretCache(read, source.faults.append, lambda: source.now).trusted(soon())


@pytest.mark.usefixtures("patient")
def test_a_thread_may_ask_while_another_one_starts_the_reading(
    source: SecretSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = source.ring().secret
    with ThreadPoolExecutor(1) as threads:
        threads.submit(int).result()  # its thread is one of the usual kind
        monkeypatch.setattr(threading, "Thread", SlowlyStarted)
        first = threads.submit(cache.current)
        assert SlowlyStarted.starting.wait(PATIENCE_SECONDS)
        assert cache.current() == first.result() == FIRST

"""The cache keeps what was used last, also among threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from nextitem.catalogue.bounded_cache import BoundedCache

THREADS = 8
KEYS = 6
MAX_BYTES = 40


def test_what_was_used_last_is_kept() -> None:
    cache = BoundedCache[str, int](30)
    for name, value in (("a", 1), ("b", 2), ("c", 3)):
        cache.keep(name, value, 10)

    assert cache.get("a") == 1
    cache.keep("d", 4, 10)

    assert [cache.get(name) for name in "abcd"] == [1, None, 3, 4]


def test_a_value_that_another_thread_has_kept_is_counted_once() -> None:
    cache = BoundedCache[str, int](30)
    cache.keep("a", 1, 20)
    cache.keep("a", 1, 20)
    cache.keep("b", 2, 10)

    assert (cache.get("a"), cache.get("b")) == (1, 2)


@pytest.mark.usefixtures("_often_switched")
def test_threads_share_a_cache() -> None:
    cache = BoundedCache[int, int](MAX_BYTES)

    def use(thread: int) -> None:
        for number in range(3000):
            key = (number * (thread + 1)) % KEYS
            if cache.get(key) not in {None, key}:
                raise AssertionError("another key's value")
            cache.keep(key, key, 10)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(use, range(THREADS)))  # raises what a thread has raised

    kept = [key for key in range(KEYS) if cache.get(key) is not None]
    assert len(kept) == MAX_BYTES // 10

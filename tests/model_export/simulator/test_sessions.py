"""Sessions: properties for every seed, and reproducibility."""

import hashlib
import os
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model_export.simulator as shop_package
from model_export.simulator import MIN_PRODUCTS, START, EventType, Session, Shop

DIGEST_COMMAND = "from tests.model_export.simulator.test_sessions import digest; print(digest())"
PINNED_DIGEST = "a8d8001e97e98ef5cff1e47b410cc9fdea1b89fa2833b44e52d223fbe75625c3"
"""The value of `digest`; change it together with the traffic."""


def digest() -> str:
    """Return a hash of products and sessions, to the last bit of each number."""
    shop = Shop(seed=7, products=400)
    changing = Shop(seed=7, products=400, arrivals=0.1, sold_out=0.05)
    content = [repr(value) for each in (shop, changing) for value in (*each.products, *each.sessions(250, seed=3))]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


@pytest.mark.slow
def test_traffic_is_the_same_in_every_process_and_python_version() -> None:
    root = Path(shop_package.__file__).parents[2]
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST_COMMAND],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert digests == [PINNED_DIGEST, PINNED_DIGEST]


@settings(max_examples=60, deadline=None)
@given(
    shop_seed=st.integers(0, 3),
    size=st.sampled_from([MIN_PRODUCTS, 50, 400]),
    seed=st.integers(),
    count=st.integers(0, 60),
    start=st.floats(0, 1e11),
    days=st.floats(0.125, 1000),
)
@pytest.mark.slow
def test_any_session_is_well_formed(
    *, shop_seed: int, size: int, seed: int, count: int, start: float, days: float
) -> None:
    shop = Shop(shop_seed, size)
    sessions = list(shop.sessions(count, seed=seed, start=start, days=days))
    assert len({session.session_id for session in sessions}) == len(sessions) == count
    assert all(earlier.times[0] <= later.times[0] for earlier, later in pairwise(sessions))
    for session in sessions:
        # Each has a plausible length, known items, no item twice in a row
        assert 2 <= len(session.item_ids) <= 30
        assert len(session.times) == len(session.intents) == len(session.item_ids)
        assert all(shop.product(item_id) for item_id in session.item_ids)
        assert all(item != following for item, following in pairwise(session.item_ids))
        # Its times ascend within the period, with no gap that would cut the session
        assert start - 0.001 <= session.times[0]
        assert session.times[-1] < start + days * 86400
        assert all(0 < later - earlier < 1800 for earlier, later in pairwise(session.times))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(), count=st.integers(1, 200), data=st.data())
def test_one_session_can_be_made_without_the_others(shop: Shop, seed: int, count: int, data: st.DataObject) -> None:
    # GIVEN all sessions of a run
    sessions = list(shop.sessions(count, seed=seed))
    # WHEN one of several workers generates only its own sessions
    workers = data.draw(st.integers(1, 5))
    worker = data.draw(st.integers(0, workers - 1))
    own = [shop.session(index, count, seed=seed) for index in range(worker, count, workers)]
    # THEN they equal those of the whole run
    assert own == sessions[worker::workers]


def test_a_longer_run_begins_with_the_same_walks(shop: Shop) -> None:
    short, long = shop.sessions(50, seed=5), shop.sessions(5000, seed=5)
    # The times may differ.
    assert [session.item_ids for session in short] == [session.item_ids for session in islice(long, 50)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(), arrivals=st.floats(0, 0.5), sold_out=st.floats(0, 0.5), index=st.integers(0, 59))
def test_shoppers_find_only_products_on_sale(seed: int, arrivals: float, sold_out: float, index: int) -> None:
    # GIVEN a shop in which products arrive and run out
    shop = Shop(seed, 64, arrivals=arrivals, sold_out=sold_out)
    # WHEN it has traffic THEN no view is older than its product's sale, and no visit begins with a product that is gone
    sessions = list(shop.sessions(60, seed=seed))
    for session in sessions:
        assert all(item != following for item, following in pairwise(session.item_ids))
        for event in session.events():
            assert shop.product(event.item_id).added <= event.time
            assert event.type is not EventType.CART or event.time < shop.product(event.item_id).sold_out
        assert all(shop.product(item_id).sold_out > session.times[0] - 86400 for item_id in session.item_ids)
    # AND any of its sessions can be made without the others
    assert shop.session(index, 60, seed=seed) == sessions[index]


def test_a_shop_that_changes_has_no_earlier_traffic() -> None:
    with pytest.raises(ValueError, match="before"):
        Shop(sold_out=0.1).sessions(1, seed=1, start=START - 1)


def test_millions_are_asked_for_without_being_made(shop: Shop) -> None:
    first = next(shop.sessions(10**12, seed=1))
    assert first.session_id == "shop-1-0000000"
    assert first.times[0] >= START


def test_seeds_make_different_traffic(shop: Shop) -> None:
    walks = [
        [session.item_ids for session in maker.sessions(20, seed=seed)]
        for maker, seed in ((shop, 1), (shop, 2), (Shop(8), 1))
    ]
    assert walks[0] != walks[1]
    assert walks[0] != walks[2]


@pytest.mark.slow
def test_lengths_are_those_of_a_shop(traffic: tuple[Session, ...]) -> None:
    lengths = [len(session.item_ids) for session in traffic]
    assert sum(lengths) / len(lengths) == pytest.approx(6, abs=0.3)
    assert min(lengths) == 2
    assert max(lengths) == 30


@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_outside_the_run_is_refused(shop: Shop, index: int) -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        shop.session(index, 10, seed=1)


def test_a_negative_count_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="-1"):
        shop.sessions(-1, seed=1)

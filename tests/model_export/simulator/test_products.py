"""The products of a shop."""

from collections import Counter
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.simulator import CATEGORIES, DAYS, MAX_PRODUCTS, MAX_SHARE, MIN_PRODUCTS, START, Shop


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(), count=st.integers(MIN_PRODUCTS, 4000))
@pytest.mark.slow
def test_any_shop_is_stocked_evenly_with_distinct_products(seed: int, count: int) -> None:
    products = Shop(seed, count).products
    assert len(products) == count
    assert len({product.item_id for product in products}) == count
    assert len({product.name for product in products}) == count
    assert all(product.price > 0 and product.popularity > 0 for product in products)
    assert sum(product.popularity for product in products) == pytest.approx(1)
    assert all(product.item_id.rpartition("-")[0] == product.category for product in products)
    # No category is more than one product ahead of another
    sizes = Counter(product.category for product in products)
    assert len(sizes) == len(CATEGORIES)
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_an_item_id_means_the_same_product_in_every_shop() -> None:
    small, large = Shop(1, 64), Shop(2, 3000)
    for product in small.products:
        twin = large.product(product.item_id)
        assert (twin.name, twin.price, twin.brand) == (product.name, product.price, product.brand)


def test_another_seed_makes_other_products_popular() -> None:
    first, second = Shop(1).products, Shop(2).products
    assert [product.popularity for product in first] != [product.popularity for product in second]


def test_popularity_inside_a_category_follows_zipf(shop: Shop) -> None:
    shares = sorted((product.popularity for product in shop.products if product.category == "tea"), reverse=True)
    assert len(shares) == 25
    assert [shares[0] / share for share in shares] == pytest.approx(range(1, 26))


def test_a_product_is_found_by_its_id(shop: Shop) -> None:
    assert all(shop.product(product.item_id) is product for product in shop.products)
    with pytest.raises(KeyError):
        shop.product("tea-999")


@pytest.mark.parametrize("count", [MIN_PRODUCTS - 1, MAX_PRODUCTS + 1, 0, -1])
def test_an_impossible_size_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=rf"not {count}$"):
        Shop(products=count)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), arrivals=st.floats(0, MAX_SHARE), sold_out=st.floats(0, MAX_SHARE))
def test_shares_of_the_products_arrive_and_run_out(seed: int, arrivals: float, sold_out: float) -> None:
    shop = Shop(seed, 200, arrivals=arrivals, sold_out=sold_out)
    arriving = {product.item_id for product in shop.products if product.added >= START}
    leaving = {product.item_id for product in shop.products if product.sold_out < inf}
    assert (len(arriving), len(leaving)) == (round(200 * arrivals), round(200 * sold_out))
    assert not arriving & leaving
    for product in shop.products:
        assert product.added < START + DAYS * 86400
        assert (product.stock == 0) == (product.item_id in leaving)
        assert product.item_id not in leaving or START <= product.sold_out < START + DAYS * 86400


@pytest.mark.parametrize("name", ["arrivals", "sold_out"])
@pytest.mark.parametrize("share", [-0.1, 0.6, nan])
def test_an_impossible_share_is_refused(name: str, share: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 0 to 0.5"):
        Shop(**{name: share})  # type: ignore[arg-type] # the names are those of the shares


def test_newcomers_are_products_that_the_shop_does_not_have_yet(shop: Shop) -> None:
    newcomers = shop.newcomers(16)
    known = {product.item_id for product in shop.products}
    assert len(newcomers) == 16
    assert not known & {product.item_id for product in newcomers}
    assert {product.category for product in newcomers} == {category.prefix for category in CATEGORIES}
    assert {product.added for product in newcomers} == {START + DAYS * 86400}

"""The router follows the catalogue of its route, and keeps the one that it has after faults."""

from collections.abc import Callable
from datetime import UTC, datetime
from shutil import rmtree
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from nextitem.errors import ArtifactCorrupt, RegistryError, VersionNotFound
from nextitem.registry.catalogue_pointer import catalogue_key, join_key
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.route import route_key
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS
from tests.nextitem.publishers import UnjudgedPublisher

if TYPE_CHECKING:
    pass
from tests.nextitem.service.shop_scene import POINTER, Shop

pytestmark = pytest.mark.slow


def test_running_functions_follow_a_new_catalogue_at_their_next_refresh(shop: Shop) -> None:
    # GIVEN a running function without a catalogue
    assert (shop.routed().items.catalogue, shop.price()) == (None, None)
    under_way = shop.routed()

    # WHEN one is published THEN it is used from the next refresh on, and the model stays
    first = shop.publish(10)
    assert shop.price() is None
    shop.scene.let_a_refresh_pass()
    assert shop.price() == 10
    routed = shop.routed()
    assert routed.items.catalogue is not None
    assert (routed.items.catalogue.version, routed.model is under_way.model) == (first, True)
    assert routed.items.index("brand new") is None
    assert routed.snapshot_version == routed.version

    # WHEN another one is published, and then taken back
    shop.publish(20)
    shop.scene.let_a_refresh_pass()
    assert shop.price() == 20
    shop.publisher().rollback()
    shop.scene.let_a_refresh_pass()

    # THEN requests under way kept what they had, and nothing failed
    assert shop.price() == 10
    assert routed.items.fields(0, ["price"]) == {"price": 10}
    assert shop.scene.faults == []


def test_the_disk_has_one_catalogue(shop: Shop) -> None:
    # GIVEN the local copy of a catalogue that an earlier process left behind
    (shop.scene.folder / "cold" / ("c" + "0" * 16)).mkdir(parents=True)
    cold = shop.scene.cold_router()
    for price in (10, 20):
        version = shop.publish(price)
        cold.load()
        shop.routed(cold)
        assert [path.name for path in (shop.scene.folder / "cold").glob("c*")] == [version]


def test_a_refresh_without_a_change_builds_nothing(shop: Shop) -> None:
    shop.publish(10)
    shop.scene.let_a_refresh_pass()
    items = shop.routed().items
    shop.scene.let_a_refresh_pass()
    assert shop.routed().items is items


def test_a_promoted_model_has_the_catalogue_with_its_own_join(shop: Shop) -> None:
    # GIVEN a route with a catalogue, and a way to compute rows of new items
    def ones(_artifact: object, _catalogue: object, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.ones((len(positions), shop.routed().model.manifest.model.hidden), np.float32)

    version = shop.publish(10, rows=ones)
    shop.scene.let_a_refresh_pass()
    routed = shop.routed()
    assert routed.items.item_id(routed.items.of_model) == "brand new"
    assert routed.snapshot_version == f"{routed.version}+{routed.items.new_digest}"

    # WHEN another model is promoted THEN it is joined before it takes traffic
    shop.scene.promote(shop.scene.second)
    assert shop.bucket.keys(f"catalogues/{version}/models/") == sorted(
        join_key(version, model) for model in (shop.scene.first, shop.scene.second)
    )
    shop.scene.let_a_refresh_pass()
    assert (shop.routed().version, shop.price()) == (shop.scene.second, 10)
    assert shop.scene.faults == []


def test_a_catalogue_and_a_promotion_at_one_time_are_joined_by_the_later(shop: Shop) -> None:
    # GIVEN a command that is about to change its document when another one changes the other document
    def while_publishing() -> datetime:
        shop.scene.promote(shop.scene.second)
        return datetime.now(UTC)

    def while_promoting() -> datetime:
        versions.append(shop.publish(20))
        return datetime.now(UTC)

    versions = [shop.publish(10)]
    folder = shop.scene.folder / "slow"
    slow = CataloguePublisher(shop.bucket, folder, now=while_publishing)
    versions.append(slow.publish(shop.file(15)).version)
    # THEN the promoted model is joined with the catalogue that the route has in the end
    assert join_key(versions[-1], shop.scene.second) in shop.bucket.keys("catalogues/")

    # AND the other way round
    UnjudgedPublisher(shop.bucket, now=while_promoting).promote(shop.scene.first, folder)
    assert join_key(versions[-1], shop.scene.first) in shop.bucket.keys("catalogues/")


def test_publishing_again_mends_a_damaged_join(shop: Shop) -> None:
    version = shop.publish(10)
    key = join_key(version, shop.scene.first)
    shop.scene.put(key, b"damaged")
    assert shop.publish(10) == version
    cold = shop.scene.cold_router()
    cold.load()
    assert (shop.price(cold), shop.scene.faults) == (10, [])
    # AND a good one stays as it is
    before = shop.scene.s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    shop.publish(10, rows=lambda *_: np.ones((1, shop.routed().model.manifest.model.hidden), np.float32))
    assert shop.scene.s3.head_object(Bucket=BUCKET, Key=key)["ETag"] == before


def test_items_out_of_stock_are_unavailable_with_those_of_the_document(shop: Shop) -> None:
    first, second, third = shop.item_ids[:3]
    shop.publish(10, sold_out=[first])
    shop.scene.availability.set_unavailable([second])
    cold = shop.scene.cold_router()
    for router in (shop.scene.router, cold):
        router.load()
        items = shop.routed(router).items
        indices = items.indices([first, second, third])
        assert items.unavailable[indices].tolist() == [True, True, False]

    # WHEN it is in stock again THEN the document's item alone is left
    shop.publish(10)
    shop.scene.let_a_refresh_pass()
    items = shop.routed().items
    assert np.flatnonzero(items.unavailable).tolist() == items.indices([second])


DAMAGES: dict[str, Callable[[Shop, str], object]] = {
    "pointer": lambda shop, _: shop.scene.put(POINTER, b"{"),
    "newer pointer": lambda shop, _: shop.scene.put(POINTER, b'{"schema": 99}'),
    "catalogue": lambda shop, version: shop.scene.put(catalogue_key(version), b"damaged"),
    "no catalogue": lambda shop, version: shop.scene.s3.delete_object(Bucket=BUCKET, Key=catalogue_key(version)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_after_a_fault_the_catalogue_in_use_stays_and_a_start_uses_the_one_before(
    shop: Shop, damage: Callable[[Shop, str], object]
) -> None:
    # GIVEN a function with a catalogue, and a newer one that cannot be used
    shop.publish(10)
    shop.scene.let_a_refresh_pass()
    damage(shop, shop.publish(20))

    # WHEN the function refreshes and another one starts
    shop.scene.let_a_refresh_pass()
    cold = shop.scene.cold_router()
    cold.refresh(PATIENCE_SECONDS)

    # THEN both have the newest catalogue that can be used, and report the fault
    assert shop.price() == 10
    assert shop.price(cold) in {10, 20}  # a damaged pointer leaves the newest of the history
    assert len(shop.scene.faults) == 2

    # WHEN a good one is published THEN both follow
    shop.scene.s3.delete_object(Bucket=BUCKET, Key=POINTER)
    shop.publish(30)
    shop.scene.let_a_refresh_pass()
    cold.load()
    assert (shop.price(), shop.price(cold)) == (30, 30)


def test_a_missing_or_damaged_join_is_computed_reported_and_healed(shop: Shop) -> None:
    # GIVEN a catalogue whose join is lost
    version = shop.publish(10)
    key = join_key(version, shop.scene.first)
    whole = shop.bucket.read(key, 1 << 20)
    assert whole is not None
    for damage in (lambda: shop.scene.s3.delete_object(Bucket=BUCKET, Key=key), lambda: shop.scene.put(key, b"x")):
        damage()
        shop.scene.faults.clear()
        cold = shop.scene.cold_router()
        rmtree(shop.scene.folder / "cold", ignore_errors=True)
        cold.load()

        # THEN the function has the attributes all the same, and reports the fault at each refresh
        assert shop.price(cold) == 10
        cold.load()
        assert [type(fault) for fault in shop.scene.faults] == [type(shop.scene.faults[0])] * 2
        assert isinstance(shop.scene.faults[0], VersionNotFound | ArtifactCorrupt)
        computed = shop.routed(cold).items

        # WHEN it is there again THEN the next refresh uses it
        shop.scene.put(key, whole.data)
        shop.scene.faults.clear()
        cold.load()
        assert (shop.scene.faults, shop.routed(cold).items is computed, shop.price(cold)) == ([], False, 10)


def test_a_catalogue_is_followed_while_the_route_cannot_be_read(shop: Shop) -> None:
    shop.publish(10)
    shop.scene.let_a_refresh_pass()
    newer = shop.publish(20)
    shop.scene.put(route_key("live"), b"{")
    shop.scene.let_a_refresh_pass()
    assert shop.price() == 20
    assert [type(fault) for fault in shop.scene.faults] == [RegistryError]
    assert newer in {path.name for path in (shop.scene.folder / "models").iterdir()}


def test_without_a_pointer_a_route_has_no_catalogue(shop: Shop) -> None:
    shop.publish(10)
    shop.scene.let_a_refresh_pass()
    shop.scene.s3.delete_object(Bucket=BUCKET, Key=POINTER)
    shop.scene.let_a_refresh_pass()
    assert (shop.routed().items.catalogue, shop.price(), shop.scene.faults) == (None, None, [])

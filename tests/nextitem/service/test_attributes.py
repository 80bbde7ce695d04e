"""A cold start answers from the joins of the catalogue; requests that need attributes wait for it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nextitem.service.router
from nextitem.errors import ArtifactCorrupt, NoAttributes, RegistryUnavailable
from nextitem.registry.catalogue_pointer import catalogue_key
from nextitem.service.attributes import RETRY_SECONDS
from nextitem.service.schema import Answer
from tests.nextitem.parts import BUCKET
from tests.nextitem.service.service import Service, items
from tests.nextitem.sessions.failing_store import FailingStore

if TYPE_CHECKING:
    pass
from tests.nextitem.service.shop_scene import POINTER, Shop

pytestmark = pytest.mark.slow


def test_a_start_without_a_usable_catalogue_answers_from_its_joins(shop: Shop) -> None:
    # GIVEN a catalogue that is damaged, and none before it
    first = shop.item_ids[0]
    shop.scene.put(catalogue_key(shop.publish(10, sold_out=[first])), b"damaged")

    # WHEN a function starts THEN it knows what is out of stock, refuses what needs attributes, and reports the fault
    cold = shop.scene.cold_router()
    cold.load()
    served = cold.model_for().items
    assert np.flatnonzero(served.unavailable).tolist() == served.indices([first])
    with pytest.raises(NoAttributes):
        shop.routed(cold)
    assert [type(fault) for fault in shop.scene.faults] == [ArtifactCorrupt]

    # WHEN requests ask again THEN the bucket is left alone for a second
    with pytest.raises(NoAttributes):
        shop.routed(cold)
    assert len(shop.scene.faults) == 1

    # WHEN a good one is published THEN the next request that needs attributes has it
    shop.scene.s3.delete_object(Bucket=BUCKET, Key=POINTER)
    shop.publish(20)
    shop.scene.clock.now += RETRY_SECONDS
    assert shop.price(cold) == 20


def test_the_second_request_loads_the_attributes_for_those_that_will_need_them(shop: Shop) -> None:
    # GIVEN a function that has started and answered once
    shop.publish(10)
    cold = shop.scene.cold_router()
    cold.load()
    cold.model_for()
    shop.scene.join()
    assert [routed.items.catalogue for routed in cold.serving()] == [None]

    # WHEN another request comes THEN a thread loads them, although that one does not need them either
    cold.model_for()
    shop.scene.join()
    [routed] = cold.serving()
    assert routed.items.catalogue is not None


def test_a_start_answers_before_the_catalogue_is_there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a catalogue with a new item and one out of stock, which the bucket holds back
    def ones(_artifact: object, _catalogue: object, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.ones((len(positions), shop.routed().model.manifest.model.hidden), np.float32)

    first = shop.item_ids[0]
    shop.publish(10, sold_out=[first], rows=ones)
    shop.scene.bucket.catalogues.clear()
    cold = shop.scene.cold_router()

    # WHEN a function starts THEN it has the items from the join
    cold.load()
    early = cold.model_for()
    assert early.items.catalogue is None
    assert early.items.item_id(early.items.of_model) == "brand new"
    assert np.flatnonzero(early.items.unavailable).tolist() == early.items.indices([first])

    # WHEN a request needs attributes THEN it waits, is refused, and the fault is reported once
    monkeypatch.setattr(nextitem.service.router, "START_SECONDS", 0.01)
    service = Service(cold, FailingStore())
    wanted: dict[str, Any] = {"filter": {"price": 10}, "fields": ["price"]}
    calls: tuple[Callable[[], Answer], ...] = (
        lambda: service.recommend(**wanted),
        lambda: service.similar(shop.item_ids[1], **wanted),
        lambda: service.get("a session", **wanted),
        lambda: service.append("a session", shop.item_ids[1], **wanted),
    )
    for call in calls:
        with pytest.raises(NoAttributes):
            call()
    assert [type(fault) for fault in shop.scene.faults] == [RegistryUnavailable]
    assert items(service.recommend(only=shop.item_ids)) == items(service.recommend(only=shop.item_ids[1:]))

    # WHEN it comes THEN they are answered, by the same model in the same state
    shop.scene.bucket.catalogues.set()
    shop.scene.join()
    late = cold.model_for(attributes=True)
    assert (late.model is early.model, late.snapshot_version) == (True, early.snapshot_version)
    assert np.array_equal(late.items.unavailable, early.items.unavailable)
    for call in calls:
        answer = call()
        assert [item.fields for item in answer.recommendations] == [{"price": 10}] * len(items(answer))
        assert items(answer)

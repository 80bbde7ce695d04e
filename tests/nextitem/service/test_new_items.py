"""Items that the catalogue has and the model does not: recommended, viewed and replayed by the catalogue's rows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from devstack.services.valkey import Valkey
from nextitem.catalogue.join import join_of, new_positions_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.sessions.keys import session_key
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.catalogue.strategies import written
from tests.nextitem.parts import PATIENCE_SECONDS, SECRET, soon
from tests.nextitem.service.service import Service, items, statuses

A, B = "board-001", "care-024"
"""Items that the demo model knows."""
FAR, NEAR = "new-far", "new-near"


@pytest.fixture
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


def with_new_items(model: Model, folder: Path, direction: NDArray[np.float32], price: float = 1.0) -> ServedItems:
    """The model's items and two new ones, whose rows have a direction and the opposite one."""
    catalogue = written(folder / "catalogue.bin", [B, FAR, NEAR], {"price": ("number", [price] * 3)})
    new = new_positions_of(model.vocabulary, catalogue.vocabulary)
    rows = np.stack([-direction, direction]) / np.linalg.norm(direction)
    join = join_of(model.vocabulary, catalogue, new, rows.astype(np.float32))
    return ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)


def test_a_new_item_is_recommended_viewed_and_replayed(
    service: Service, router: Router, me: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a session, and an event on an item that the model does not know
    (routed,) = router.serving()
    model = routed.model
    assert statuses(service.append(me, A, B, NEAR)) == ["applied", "applied", "unknown_item"]
    known_only = items(service.get(me))

    # WHEN a catalogue brings the item, with a row in the direction of such sessions
    state = model.replay(None, model.vocabulary.indices([A, B]))
    serving = router._serving  # no bucket holds this catalogue
    assert serving is not None
    monkeypatch.setitem(serving.items, routed.version, with_new_items(model, tmp_path, state))

    # THEN it is recommended, and the event counts, although a snapshot was kept without it
    assert items(service.recommend(A, B))[0] == NEAR
    assert FAR not in items(service.recommend(A, B))
    seen = items(service.get(me))
    assert seen != known_only
    assert seen == items(service.recommend(A, B, NEAR))
    # AND its events are applied, listed and excluded like any other
    assert statuses(service.append(me, FAR)) == ["applied"]
    assert items(service.get(me)) == items(service.recommend(A, B, NEAR, FAR))
    assert items(service.recommend(A, B, only=[FAR, NEAR, B])) in ([NEAR, B, FAR], [B, NEAR, FAR])
    assert NEAR not in items(service.recommend(A, B, exclude=[NEAR]))
    # AND the snapshot is kept for the next request with this catalogue
    (routed,) = router.serving()
    key = session_key(SECRET, me)
    assert service.store.load(key, routed.snapshot_version, soon()).replay_from()[1] == ()
    assert len(service.store.load(key, routed.version, soon()).replay_from()[1]) == 1

    # WHEN another catalogue gives it another row THEN the session is replayed with that one
    monkeypatch.setitem(serving.items, routed.version, with_new_items(model, tmp_path, -state, price=2.0))
    assert items(service.get(me)) == items(service.recommend(A, B, NEAR, FAR))

"""A session store that cannot be used: each method raises `StoreUnavailable`."""

import numpy as np
import pytest

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Event, SessionKey, SessionStore, Snapshot
from tests.nextitem.parts import NOW, VERSION, fresh_key, soon

SHORT_SECONDS = 0.2
"""Time that a test waits for a reply that never comes."""


class UnavailableStoreContract:
    """Subclasses give `unavailable`."""

    def test_append_raises(self, unavailable: SessionStore, key: SessionKey) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.append(key, [Event("a", "a")], VERSION, NOW, soon())

    def test_load_raises(self, unavailable: SessionStore, key: SessionKey) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.load(key, VERSION, soon())

    def test_save_raises_only_for_its_result(self, unavailable: SessionStore, key: SessionKey) -> None:
        saving = unavailable.save(key, VERSION, Snapshot(b"c" * 16, np.zeros(8, np.float32)), soon())
        with pytest.raises(StoreUnavailable):
            saving.result(Deadline.after(SHORT_SECONDS))

    def test_move_raises(self, unavailable: SessionStore, key: SessionKey) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.move(fresh_key(), key, soon())

    def test_delete_raises(self, unavailable: SessionStore, key: SessionKey) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.delete(key, soon())

    def test_ping_raises(self, unavailable: SessionStore) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.ping(soon())

"""What a session store promises while it cannot be used: each verb says so, and nothing else happens."""

import numpy as np
import pytest

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Event, SessionStore, Snapshot
from tests.nextitem.parts import NOW, VERSION, fresh_key, soon

SHORT_SECONDS = 0.2
"""What a test waits for an answer that never comes."""


class UnavailableStoreContract:
    """Subclasses give `unavailable`."""

    def test_append_says_so(self, unavailable: SessionStore, key: str) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.append(key, [Event("a", "a")], VERSION, NOW, soon())

    def test_load_says_so(self, unavailable: SessionStore, key: str) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.load(key, VERSION, soon())

    def test_save_says_so_only_when_it_is_settled(self, unavailable: SessionStore, key: str) -> None:
        saving = unavailable.save(key, VERSION, Snapshot(b"c" * 16, np.zeros(8, np.float32)), soon())
        with pytest.raises(StoreUnavailable):
            saving.result(Deadline.after(SHORT_SECONDS))

    def test_move_says_so(self, unavailable: SessionStore, key: str) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.move(fresh_key(), key, soon())

    def test_delete_says_so(self, unavailable: SessionStore, key: str) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.delete(key, soon())

    def test_ping_says_so(self, unavailable: SessionStore) -> None:
        with pytest.raises(StoreUnavailable):
            unavailable.ping(soon())

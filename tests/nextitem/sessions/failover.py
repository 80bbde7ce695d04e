"""Check a session after its primary is gone and a replica has taken over."""

from devstack.deployments import eventually
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import SessionKey, SessionStore
from tests.nextitem.parts import VERSION, soon
from tests.nextitem.sessions.log_contract import add, event, names


def assert_it_comes_back(store: SessionStore, key: SessionKey) -> None:
    """Send events to a session of `a` and `b` until the store is back; check that none is lost or doubled."""

    def is_back() -> bool:
        try:
            return add(store, key, event("b"), event("c")).statuses[0] == "duplicate"
        except StoreUnavailable:
            return False

    eventually(is_back, "the store is back")
    assert names(store.load(key, VERSION, soon()).log) == ["a", "b", "c"]

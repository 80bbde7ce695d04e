"""The contract of `SessionStore`: every implementation passes these tests.

A subclass's module gives the fixtures `store` (of module scope, because property tests use it) and `inspector`.
"""

from tests.nextitem.sessions.impression_contract import ImpressionContract
from tests.nextitem.sessions.log_contract import LogContract
from tests.nextitem.sessions.move_contract import MoveContract
from tests.nextitem.sessions.snapshot_contract import Inspector, SnapshotContract

__all__ = ["Inspector", "SessionStoreContract"]


class SessionStoreContract(LogContract, SnapshotContract, ImpressionContract, MoveContract):
    """The whole contract."""

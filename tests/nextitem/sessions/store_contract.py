"""What any `SessionStore` promises; every implementation passes this suite.

A subclass's module gives the fixtures `store` (of module scope, for property tests use it) and `inspector`.
"""

from tests.nextitem.sessions.impression_contract import ImpressionContract
from tests.nextitem.sessions.log_contract import LogContract
from tests.nextitem.sessions.move_contract import AdoptContract
from tests.nextitem.sessions.snapshot_contract import Inspector, SnapshotContract

__all__ = ["Inspector", "SessionStoreContract"]


class SessionStoreContract(LogContract, SnapshotContract, ImpressionContract, AdoptContract):
    """The whole contract."""

"""A lake in memory, whose operations can be watched and interrupted."""

from collections.abc import Callable
from pathlib import Path

from nextitem.aws.object_store import StoredObject
from tests.nextitem.memory_bucket import MemoryBucket


class MemoryLake(MemoryBucket):
    """A `merge.Lake`.

    Args:
        before: called before each operation with its name and key.
    """

    def __init__(self, before: Callable[[str, str], None] = lambda _operation, _key: None) -> None:
        super().__init__()
        self._before = before

    def seen_by(self, before: Callable[[str, str], None]) -> "MemoryLake":
        """Return the same lake as another program sees it."""
        other = MemoryLake(before)
        other.objects = self.objects
        return other

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        self._before("read", key)
        return super().read(key, max_bytes)

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        self._before("download", key)
        stored = super().read(key, max_bytes())
        if stored is not None:
            path.write_bytes(stored.data)
        return stored is not None

    def keys(self, prefix: str) -> list[str]:
        self._before("keys", prefix)
        return super().keys(prefix)

    def create(self, key: str, data: bytes | Path) -> bool:
        self._before("create", key)
        return super().create(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._before("replace", key)
        return super().replace(key, data, etag)

    def delete(self, key: str) -> None:
        self._before("delete", key)
        self.objects.pop(key, None)

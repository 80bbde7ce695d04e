"""A lake in memory."""

from collections.abc import Callable
from pathlib import Path

from nextitem.aws.object_store import StoredObject


class MemoryLake:
    """A `merge.Lake`.

    Args:
        before: called before each operation with its name and key.

    Attributes:
        files: data by key.
    """

    def __init__(self, before: Callable[[str, str], None] = lambda _operation, _key: None) -> None:
        self.files: dict[str, bytes] = {}
        self._before, self._writes = before, 0
        self._tags: dict[str, str] = {}

    def seen_by(self, before: Callable[[str, str], None]) -> "MemoryLake":
        """Return the same lake as another program sees it."""
        other = MemoryLake(before)
        other.files, other._tags = self.files, self._tags
        return other

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        self._before("read", key)
        assert max_bytes
        return StoredObject(self.files[key], self._tags[key]) if key in self.files else None

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        self._before("download", key)
        assert max_bytes()
        if key in self.files:
            path.write_bytes(self.files[key])
        return key in self.files

    def keys(self, prefix: str) -> list[str]:
        self._before("keys", prefix)
        return sorted(key for key in self.files if key.startswith(prefix))

    def create(self, key: str, data: bytes | Path) -> bool:
        self._before("create", key)
        if key in self.files:
            return False
        self._write(key, data if isinstance(data, bytes) else data.read_bytes())
        return True

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._before("replace", key)
        if self._tags.get(key) != etag:
            return False
        self._write(key, data)
        return True

    def delete(self, key: str) -> None:
        self._before("delete", key)
        self.files.pop(key, None)
        self._tags.pop(key, None)

    def _write(self, key: str, data: bytes) -> None:
        self._writes += 1
        self.files[key], self._tags[key] = data, f"{id(self)}-{self._writes}"

"""A bucket in memory, whose writes can be made to fail."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from nextitem.aws.object_store import StoredObject
from nextitem.errors import ObjectTooLarge


class MemoryBucket:
    """An `ObjectStore` in memory.

    Attributes:
        objects: content by key.
        written: keys of all writes that took place, in their order.
        after_write: called with the key after each of them; what it raises, the writer gets.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: list[str] = []
        self.after_write: Callable[[str], None] = lambda _key: None

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        data = self.objects.get(key)
        if data is not None and len(data) > max_bytes:
            raise ObjectTooLarge(key, len(data), max_bytes)
        return None if data is None else StoredObject(data, _etag(data))

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        stored = self.read(key, max_bytes())
        if stored is not None:
            path.write_bytes(stored.data)
        return stored is not None

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def create(self, key: str, data: bytes | Path) -> bool:
        return key not in self.objects and self._write(key, data if isinstance(data, bytes) else data.read_bytes())

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        return _etag(self.objects.get(key, b"")) == etag and self._write(key, data)

    def _write(self, key: str, data: bytes) -> bool:
        self.objects[key] = data
        self.written.append(key)
        self.after_write(key)
        return True


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

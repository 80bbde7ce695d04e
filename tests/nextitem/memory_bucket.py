"""A bucket in memory, whose writes can be made to fail, to be followed by a fault, or to meet another writer's."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from nextitem.aws.object_store import StoredObject
from nextitem.errors import ObjectTooLarge


class Died(Exception):
    """The process died at a write."""


class MemoryBucket:
    """An `ObjectStore`.

    Attributes:
        objects: content by key.
        written: keys of all writes that took place, in their order.
        dies_after: how many more writes are tried before the process dies; None for all.
        meanwhile: called once, before the next object that was read is replaced.
        after_write: called with the key after each write; what it raises, the writer gets.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: list[str] = []
        self.dies_after: int | None = None
        self.meanwhile: Callable[[], object] | None = None
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
        self._die_at_the_last()
        return key not in self.objects and self._write(key, data if isinstance(data, bytes) else data.read_bytes())

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._die_at_the_last()
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        return _etag(self.objects.get(key, b"")) == etag and self._write(key, data)

    def _die_at_the_last(self) -> None:
        if self.dies_after is not None:
            if self.dies_after == 0:
                raise Died
            self.dies_after -= 1

    def _write(self, key: str, data: bytes) -> bool:
        self.objects[key] = data
        self.written.append(key)
        self.after_write(key)
        return True


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

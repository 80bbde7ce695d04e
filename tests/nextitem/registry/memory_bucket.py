"""A bucket in memory, whose writes may fail or meet another writer's."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from nextitem.aws.object_store import StoredObject


class Died(Exception):
    """The process died at a write."""


class MemoryBucket:
    """An `ObjectStore`.

    Attributes:
        objects: by their keys.
        dies_after: how many more writes succeed; None for all.
        meanwhile: called once, before the next object that was read is replaced.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.dies_after: int | None = None
        self.meanwhile: Callable[[], object] | None = None

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        data = self.objects.get(key)
        assert data is None or len(data) <= max_bytes
        return None if data is None else StoredObject(data, _tag(data))

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        data = self.objects.get(key)
        if data is None:
            return False
        assert len(data) <= max_bytes()
        path.write_bytes(data)
        return True

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def create(self, key: str, data: bytes | Path) -> bool:
        self._write()
        content = data if isinstance(data, bytes) else data.read_bytes()
        return self.objects.setdefault(key, content) is content

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._write()
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        if _tag(self.objects[key]) != etag:
            return False
        self.objects[key] = data
        return True

    def _write(self) -> None:
        if self.dies_after is not None:
            if self.dies_after == 0:
                raise Died
            self.dies_after -= 1


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

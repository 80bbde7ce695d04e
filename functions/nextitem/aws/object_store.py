"""Protocols of the bucket, and its reader for the request path: obstore.

obstore's first GET costs a tenth of boto3's, import included. Publishers and promoters use `boto_object_store`.
"""

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import obstore
from obstore.store import S3Store

from nextitem.aws.credentials import container_credentials
from nextitem.aws.s3_prefetch import READ_ERRORS, Prefetch, get, open_store
from nextitem.errors import ObjectTooLarge, RegistryUnavailable

if TYPE_CHECKING:
    from obstore.store import S3Credential

PART_BYTES = 16 << 20
"""Larger objects are downloaded in parts of this size."""
PARTS_AT_ONCE = 8


class StoredObject(msgspec.Struct, frozen=True):
    """An object's bytes, and its entity tag: a later write is refused if the object has another tag by then."""

    data: bytes
    etag: str


class ObjectReader(Protocol):
    """Reads a bucket. Methods raise `RegistryUnavailable` if the bucket does not answer or refuses."""

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        """Return an object, or None if there is no such key.

        Raises:
            ObjectTooLarge: it has more than `max_bytes`, and is not read.
        """

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """Write an object to a file; return False if there is no such key.

        Args:
            key: the object's key.
            path: the file, made if need be.
            max_bytes: returns the object's limit; called once the bucket answers, before anything is written.

        Raises:
            ObjectTooLarge: the object is larger than its limit.
        """

    def keys(self, prefix: str) -> list[str]:
        """Return all keys below a prefix, which is empty or ends with a slash, sorted."""


class ObjectStore(ObjectReader, Protocol):
    """Reads and writes a bucket."""

    def create(self, key: str, data: bytes | Path) -> bool:
        """Write an object if the key is free; return False, and write nothing, if it is taken."""

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """Overwrite an object if it still has the entity tag; return False, and write nothing, if it has another."""


class ObstoreReader:
    """An `ObjectReader` on S3.

    Args:
        name: the bucket's name.
        region: its AWS region.
        endpoint: another S3 endpoint (may be ``http://…``), or None for AWS.
        environment: the variables with the AWS credentials; see `credentials`.
        prefetch: the objects of this bucket that are being read already, or None.
    """

    def __init__(
        self,
        name: str,
        *,
        region: str,
        endpoint: str | None = None,
        environment: Mapping[str, str] = os.environ,
        prefetch: Prefetch | None = None,
    ) -> None:
        self._name, self._region, self._endpoint, self._environment = name, region, endpoint, environment
        self._prefetch = prefetch
        self._store = (prefetch and prefetch.store) or self._open()

    def renew(self, keys: Collection[str] = ()) -> None:
        """Drop connections and credentials, and begin to read some objects over new ones, all at the same time.

        Args:
            keys: of these objects.
        """
        self._prefetch, self._store = None, self._open()
        if keys:
            prefetch = Prefetch({})
            prefetch.begin(self._store, keys)
            self._prefetch = prefetch  # of which each object is taken once

    def _open(self) -> S3Store:
        return open_store(self._name, self._region, self._endpoint, _provider(self._environment))

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        """See `ObjectReader.read`."""
        if self._prefetch is not None:
            with suppress(LookupError):
                prefetched = self._prefetch.take(key)
                if prefetched is not None and len(prefetched[0]) > max_bytes:
                    raise ObjectTooLarge(key, len(prefetched[0]), max_bytes)
                return None if prefetched is None else StoredObject(*prefetched)
        try:
            response = get(self._store, key, lambda: max_bytes)
            return None if response is None else StoredObject(bytes(response.bytes()), response.meta["e_tag"] or "")
        except READ_ERRORS as error:
            raise _unavailable(error, key) from error

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """See `ObjectReader.download`."""
        try:
            response = get(self._store, key, max_bytes)
            if response is None:
                return False
            size = response.meta["size"]
            if size <= PART_BYTES:
                path.write_bytes(response.bytes())  # in one piece: each chunk would wait for the interpreter's lock
            else:
                self._download_parts(key, path, size)
        except READ_ERRORS as error:
            raise _unavailable(error, key) from error
        return True

    def keys(self, prefix: str) -> list[str]:
        """See `ObjectReader.keys`."""
        try:
            # obstore fails for keys such as "//x" and "../x"; ours begin with a digit or letter, which comes later.
            pages = obstore.list(self._store, prefix, offset=f"{prefix}0" if prefix else None)
            return sorted(entry["path"] for page in pages for entry in page)
        except READ_ERRORS as error:
            raise _unavailable(error, prefix) from error

    def _download_parts(self, key: str, path: Path, size: int) -> None:
        """Download a large object, several parts at a time: one connection to S3 gives some 80 MB/s."""
        with path.open("wb") as file, ThreadPoolExecutor(PARTS_AT_ONCE) as pool:

            def download_part(start: int) -> None:
                part = obstore.get_range(self._store, key, start=start, end=min(start + PART_BYTES, size))
                os.pwrite(file.fileno(), part, start)

            for _ in pool.map(download_part, range(0, size, PART_BYTES)):
                pass


def _provider(environment: Mapping[str, str]) -> "Callable[[], S3Credential] | None":
    """Return obstore's credential provider, or None if obstore finds the credentials itself."""
    credentials = container_credentials(environment)
    if credentials is None:
        return None

    def provide() -> "S3Credential":
        current = credentials()
        return {
            "access_key_id": current.access_key_id,
            "secret_access_key": current.secret_access_key,
            "token": current.session_token,
            "expires_at": current.expires,
        }

    return provide


def _unavailable(error: Exception, key: str) -> RegistryUnavailable:
    return RegistryUnavailable(f"the bucket cannot be read at {key}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__

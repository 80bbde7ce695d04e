"""What the registry needs of an object store, and the reading half of it for the request path.

The reader is obstore: its first GET costs a tenth of boto3's, import included. Whoever writes uses `boto_bucket`.
Knows nothing of models or routes.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from nextitem.aws.credentials import container_credentials
from nextitem.aws.s3_prefetch import Prefetch, get, open_store
from nextitem.errors import RegistryUnavailable

if TYPE_CHECKING:
    from obstore.store import S3Credential

PART_BYTES = 16 << 20
"""Objects over this size are brought in parts of it."""
PARTS_AT_ONCE = 8


class StoredObject(msgspec.Struct, frozen=True):
    """An object's bytes and the entity tag by which a later write can tell whether it has changed."""

    data: bytes
    etag: str


class ObjectReader(Protocol):
    """What a running function needs of the bucket. Verbs raise `RegistryUnavailable` when it cannot be asked."""

    def read(self, key: str) -> StoredObject | None:
        """Return an object, or None if there is no such key."""

    def download(self, key: str, path: Path) -> bool:
        """Write an object to a file; False if there is no such key."""


class ObjectStore(ObjectReader, Protocol):
    """What publishers and promoters need besides."""

    def create(self, key: str, data: bytes | Path) -> bool:
        """Write an object where none is; False (and nothing written) if the key is taken."""

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """Overwrite an object that still has an entity tag; False (and nothing written) if it has another."""

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with a prefix, sorted."""


class ObstoreReader:
    """A `ObjectReader` on S3.

    Args:
        name: the bucket's name.
        region: its AWS region.
        endpoint: another S3 endpoint (``http://…`` is allowed then), or None for AWS.
        environment: where the function's AWS credentials are, or where it says that they are, see `credentials`.
        prefetch: what is being read from it already, or None.
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
        self._store = (prefetch and prefetch.store) or self._opened()

    def renew(self) -> None:
        """Forget connections and credentials; new ones are made when they are needed."""
        self._prefetch = None
        self._store = self._opened()

    def _opened(self) -> S3Store:
        return open_store(self._name, self._region, self._endpoint, _provider(self._environment))

    def read(self, key: str) -> StoredObject | None:
        """See `ObjectReader.read`."""
        if self._prefetch is not None:
            with suppress(LookupError):
                taken = self._prefetch.take(key)
                return None if taken is None else StoredObject(*taken)
        try:
            found = get(self._store, key)
            return None if found is None else StoredObject(bytes(found.bytes()), found.meta["e_tag"] or "")
        except (BaseError, OSError) as error:
            raise _unavailable(error, key) from error

    def download(self, key: str, path: Path) -> bool:
        """See `ObjectReader.download`."""
        try:
            found = get(self._store, key)
            if found is None:
                return False
            size = found.meta["size"]
            if size <= PART_BYTES:
                path.write_bytes(found.bytes())  # in one piece: each chunk would wait for the interpreter's lock
            else:
                self._download_parts(key, path, size)
        except (BaseError, OSError) as error:
            raise _unavailable(error, key) from error
        return True

    def _download_parts(self, key: str, path: Path, size: int) -> None:
        """Write a large object part by part, several at a time: one connection to S3 gives some 80 MB/s."""
        with path.open("wb") as file, ThreadPoolExecutor(PARTS_AT_ONCE) as pool:

            def bring(start: int) -> None:
                part = obstore.get_range(self._store, key, start=start, end=min(start + PART_BYTES, size))
                os.pwrite(file.fileno(), part, start)

            for _ in pool.map(bring, range(0, size, PART_BYTES)):
                pass


def _provider(environment: Mapping[str, str]) -> "Callable[[], S3Credential] | None":
    """Return what gives obstore the credentials that it cannot find itself, or None where it can."""
    found = container_credentials(environment)
    if found is None:
        return None

    def provide() -> "S3Credential":
        one = found()
        return {
            "access_key_id": one.access_key_id,
            "secret_access_key": one.secret_access_key,
            "token": one.session_token,
            "expires_at": one.expires,
        }

    return provide


def _unavailable(error: Exception, key: str) -> RegistryUnavailable:
    return RegistryUnavailable(f"the bucket cannot be read at {key}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__

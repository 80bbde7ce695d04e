"""Read the first objects of a cold start before anything else is imported: S3 answers while imports go on.

Imports obstore first. Errors are ignored here: `object_store` reads again and reports them. Decision 13 says why the
function has its own prefetch.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from nextitem import DEFAULT_REGION, DEFAULT_ROUTE
from nextitem.errors import ObjectTooLarge

CONNECT_TIMEOUT = timedelta(seconds=1)
READ_TIMEOUT = timedelta(seconds=1)
"""Maximum silence of the bucket, before the first byte or between two."""
REQUEST_TIMEOUT = timedelta(seconds=20)
"""Timeout for one object, or one part of a large object."""
READ_ERRORS = (BaseError, OSError, ValueError)
"""obstore's errors. A header that it cannot convert, such as a time in the year 12000, is a ValueError."""
RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=20)
MAX_PREFETCH_BYTES = 8 << 20
"""Maximum size of a prefetched object. The reader applies each object's own limit, which may be lower."""
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""obstore reads them itself, and panics if one is empty. For `Settings` an empty variable is not set."""


def open_store(name: str, region: str, endpoint: str | None, provider: Any = None) -> S3Store:
    """Open a bucket with obstore: 4 ms, mostly to load the trusted certificates. Removes empty variables of endpoints.

    Args:
        name: the bucket's name.
        region: its AWS region.
        endpoint: another S3 endpoint (may be ``http://…``), or None for AWS.
        provider: obstore's credential provider; None for the credentials in environment variables.
    """
    for variable in _ENDPOINT_VARIABLES:
        if os.environ.get(variable) == "":
            del os.environ[variable]
    elsewhere: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}  # obstore refuses None
    return S3Store(
        name,
        region=region,
        **elsewhere,
        credential_provider=provider,
        virtual_hosted_style_request=endpoint is None,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
            "timeout": REQUEST_TIMEOUT,
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
    )


def get(store: S3Store, key: str, max_bytes: Callable[[], int]) -> "obstore.GetResult | None":
    """Begin to read an object; return None if there is no such key.

    Args:
        store: the bucket.
        key: the object's key.
        max_bytes: returns the object's limit; called once the size is known. The object's content is not read yet.

    Raises:
        BaseError, OSError, ValueError: the bucket cannot be read, or its answer has impossible headers.
        ObjectTooLarge: it is larger than its limit.
    """
    try:
        response = obstore.get(store, key)
    except (NotFoundError, FileNotFoundError) as error:
        if "<Code>NoSuchBucket</Code>" in str(error):  # a 404, too, but not one about the key
            raise
        return None
    size, limit = response.meta["size"], max_bytes()
    if size > limit:
        raise ObjectTooLarge(key, size, limit)
    return response


def route_keys(route: str) -> tuple[str, ...]:
    """Return the keys of a route, of which catalogue it uses, and of its availability: what each refresh reads."""
    return f"routes/{route}.json", f"catalogues/routes/{route}.json", f"availability/{route}.json"


class Prefetch:
    """Reads the route, which catalogue it uses, its availability and the last good copy of that once, in threads.

    Reads nothing if no bucket is set, a setting cannot be printed (`Settings` refuses it), or the environment has no
    AWS keys (SnapStart).

    Attributes:
        store: the open bucket; None if nothing is read.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.store: S3Store | None = None
        self._reads: dict[str, _Read] = {}
        name = environment.get("NEXTITEM_BUCKET")
        if not name or "AWS_ACCESS_KEY_ID" not in environment:
            return
        region = environment.get("AWS_REGION") or DEFAULT_REGION
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or None
        route = environment.get("NEXTITEM_ROUTE") or DEFAULT_ROUTE
        if not f"{name}{region}{endpoint}{route}".isprintable():  # bytes that are not UTF-8 are half surrogate pairs
            return
        self.begin(open_store(name, region, endpoint), (*route_keys(route), f"availability/last-good/{route}.json"))

    def begin(self, store: S3Store, keys: Iterable[str]) -> None:
        """Begin to read objects of an open bucket, each in a thread."""
        self.store = store
        for key in keys:
            self._reads[key] = _Read(store, key)

    def take(self, key: str) -> tuple[bytes, str] | None:
        """Wait for an object and return its bytes and entity tag, or None if there is no such key. Works once per key.

        Raises:
            LookupError: it was not prefetched or could not be read: the caller must read it.
        """
        return self._reads.pop(key).result()


class _Read:
    def __init__(self, store: S3Store, key: str) -> None:
        self._store, self._key = store, key
        self._object: tuple[bytes, str] | None = None
        self._failed = True  # until it is read: a thread that dies must not say that there is no such key
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self._thread.start()

    def result(self) -> tuple[bytes, str] | None:
        self._thread.join()
        if self._failed:
            raise LookupError(self._key)
        return self._object

    def _run(self) -> None:
        try:
            response = get(self._store, self._key, lambda: MAX_PREFETCH_BYTES)
            self._object = None if response is None else (bytes(response.bytes()), response.meta["e_tag"] or "")
            self._failed = False
        except (*READ_ERRORS, ObjectTooLarge):
            return  # the reader reads again, and reports

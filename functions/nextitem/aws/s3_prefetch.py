"""Asks the bucket for a start's first objects before anything else is imported: S3 answers while imports go on.

Only obstore and what it needs may be imported here. Whatever goes wrong is left to `bucket`, which then asks itself.
Knows the names of settings and of keys, nothing of what is in the objects.
"""

import os
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from nextitem import DEFAULT_REGION, DEFAULT_ROUTE

CONNECT_TIMEOUT = timedelta(seconds=1)
READ_TIMEOUT = timedelta(seconds=20)
"""For one object, or a part of a large one."""
RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=20)


def open_store(name: str, region: str, endpoint: str | None, provider: Any = None) -> S3Store:
    """Return a bucket as obstore has it: 4 ms, most of them for the certificates that it trusts.

    Args:
        name: the bucket's.
        region: its AWS region.
        endpoint: another S3 endpoint (``http://…`` is allowed then), or None for AWS.
        provider: gives credentials; None for those of the environment.
    """
    elsewhere: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}  # obstore takes no None for it
    return S3Store(
        name,
        region=region,
        **elsewhere,
        credential_provider=provider,
        virtual_hosted_style_request=endpoint is None,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": READ_TIMEOUT,
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
    )


def get(store: S3Store, key: str) -> "obstore.GetResult | None":
    """Return an object, or None if there is no such key.

    Raises:
        BaseError, OSError: the bucket cannot be read.
    """
    try:
        return obstore.get(store, key)
    except (NotFoundError, FileNotFoundError) as error:
        if "<Code>NoSuchBucket</Code>" in str(error):  # a 404 too, but it tells nothing of the key
            raise
        return None


class Prefetch:
    """Reads the route and its availability in threads, once.

    Does nothing where the bucket is not named or the environment holds no keys, as under SnapStart.

    Attributes:
        store: the bucket, to go on with; None where nothing is done.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.store: S3Store | None = None
        self._reads: dict[str, _Read] = {}
        name = environment.get("NEXTITEM_BUCKET")
        if not name or "AWS_ACCESS_KEY_ID" not in environment:
            return
        region = environment.get("AWS_REGION") or DEFAULT_REGION
        self.store = open_store(name, region, environment.get("AWS_ENDPOINT_URL_S3") or None)
        route = environment.get("NEXTITEM_ROUTE") or DEFAULT_ROUTE
        for key in (f"routes/{route}.json", f"availability/{route}.json"):
            self._reads[key] = _Read(self.store, key)

    def take(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's bytes and entity tag, waiting for them, once; None if there is no such key.

        Raises:
            LookupError: it was not read, or could not be: `bucket` must ask itself, and will tell why.
        """
        return self._reads.pop(key).result()


class _Read:
    def __init__(self, store: S3Store, key: str) -> None:
        self._store, self._key = store, key
        self._found: tuple[bytes, str] | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self._thread.start()

    def result(self) -> tuple[bytes, str] | None:
        self._thread.join()
        if self._failed:
            raise LookupError(self._key)
        return self._found

    def _run(self) -> None:
        try:
            found = get(self._store, self._key)
            self._found = None if found is None else (bytes(found.bytes()), found.meta["e_tag"] or "")
        except (BaseError, OSError):
            self._failed = True

"""Read the settings of the learning loop's functions from the environment variables that template.yaml sets."""

import os
from collections.abc import Mapping

import msgspec

from nextitem import DEFAULT_REGION, DEFAULT_ROUTE, DEFAULT_STACK
from nextitem.errors import SettingsError
from nextitem.redis_client.url import StoreUrl, parse_store_url


class Settings(msgspec.Struct, frozen=True):
    """The settings that all functions of the loop have.

    Attributes:
        bucket: ``NEXTITEM_BUCKET``, which holds the registry and the lake.
        route: ``NEXTITEM_ROUTE``.
        stack: ``NEXTITEM_STACK``, the dimension of metrics.
        region: ``AWS_REGION``.
    """

    bucket: str
    route: str
    stack: str
    region: str

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: the bucket is not set.
        """
        return cls(
            bucket=_required(environment, "NEXTITEM_BUCKET"),
            route=environment.get("NEXTITEM_ROUTE") or DEFAULT_ROUTE,
            stack=environment.get("NEXTITEM_STACK") or DEFAULT_STACK,
            region=environment.get("AWS_REGION") or DEFAULT_REGION,
        )


def store_url(environment: Mapping[str, str] = os.environ) -> StoreUrl:
    """Return ``NEXTITEM_STORE_URL``, the session store.

    Raises:
        SettingsError: it is not set, or no URL of a store.
    """
    return parse_store_url(_required(environment, "NEXTITEM_STORE_URL"))


def positive(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Return a setting that is a whole number from 1.

    Raises:
        SettingsError: it is not set, or another value.
    """
    text = _required(environment, name)
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number from 1, not {text!r}")
    return int(text)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set; template.yaml sets it")
    return value

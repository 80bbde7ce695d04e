"""moto's server, with objects that are kept as immutable bytes. A program of its own: arguments are moto's.

moto copies the whole object for each range that is read: with several ranges of a model of hundreds of megabytes at
once, an answer takes longer than the function waits.
"""

import io
import sys

from moto.s3.models import FakeKey
from moto.server import main


def keep_bytes(key: FakeKey, value: bytes | str) -> None:
    """Set an object's value so that `FakeKey.value` returns it without a copy: `io.BytesIO` shares bytes."""
    content = value.encode() if isinstance(value, str) else bytes(value)
    attributes = vars(key)
    attributes["_value_buffer"].close()  # moto's temporary file
    attributes["_value_buffer"] = io.BytesIO(content)
    key.contentsize = len(content)


def install() -> None:
    """Make moto set values with `keep_bytes`."""
    moto_value: property = vars(FakeKey)["value"]
    setattr(FakeKey, "value", moto_value.setter(keep_bytes))  # noqa: B010 - mypy takes the property for a method


if __name__ == "__main__":
    install()
    main(sys.argv[1:])

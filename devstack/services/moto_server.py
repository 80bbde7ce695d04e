"""moto's server with four corrections. A program of its own: arguments are moto's.

- Objects are kept as immutable bytes. moto copies the whole object for each range that is read: with several ranges of
  a model of hundreds of megabytes at once, an answer takes longer than the function waits.
- A rotation may leave AWSPENDING on the current version. moto then refuses the next rotation, AWS does not:
  https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
- With the variable of `INVOKE_URL`, Secrets Manager invokes its rotation function by a POST to that URL: moto's own
  Lambda needs Docker.
- Lambda never gives a version the number of a deleted one. moto counts the versions that are left.
"""

import io
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage
from moto.s3.models import FakeKey
from moto.secretsmanager.models import SecretsManagerBackend
from moto.server import main

INVOKE_URL = "DEVSTACK_INVOKE_URL"
_INVOKE_SECONDS = 60.0


def keep_bytes(key: FakeKey, value: bytes | str) -> None:
    """Set an object's value so that `FakeKey.value` returns it without a copy: `io.BytesIO` shares bytes."""
    content = value.encode() if isinstance(value, str) else bytes(value)
    attributes = vars(key)
    attributes["_value_buffer"].close()  # moto's temporary file
    attributes["_value_buffer"] = io.BytesIO(content)
    key.contentsize = len(content)


def end_rotation(backend: SecretsManagerBackend, secret_id: str) -> None:
    """Remove AWSPENDING from a secret's current version: that rotation is complete."""
    versions = backend.secrets[secret_id].versions.values() if secret_id in backend.secrets else ()
    for version in versions:
        stages = version["version_stages"]
        if {"AWSPENDING", "AWSCURRENT"} <= set(stages):
            stages.remove("AWSPENDING")


def number_version(storage: LambdaStorage, function: LambdaFunction, version: LambdaFunction) -> None:
    """Give a new version the number after the highest that its function ever had; keep that of an existing one."""
    counts: dict[str, int] = vars(function)
    if "number" in vars(version):
        return
    counts["last_number"] = counts.get("last_number", 0) + 1
    vars(version)["number"] = counts["last_number"]
    version.set_version(counts["last_number"])
    vars(storage)["_arns"][version.function_arn] = version


def invoke_by(url: str) -> Callable[..., bytes]:
    """Return a replacement of moto's `LambdaBackend.invoke`, which is called by rotations.

    Args:
        url: gets the event of each call, at the function's ARN as the last part of the path.
    """

    def invoke(_backend: LambdaBackend, arn: str, *_rest: Any, body: str, **_more: Any) -> bytes:
        request = Request(f"{url}/{quote(arn, safe='')}", body.encode(), method="POST")  # noqa: S310 - loopback
        with urlopen(request, timeout=_INVOKE_SECONDS) as response:  # noqa: S310 - likewise
            answer: bytes = response.read()
            return answer

    return invoke


def install(invoke_url: str | None = None) -> None:
    """Make moto call these functions: `end_rotation` before a rotation, the others instead of its own.

    Args:
        invoke_url: see `invoke_by`; None or empty leaves moto's Lambda as it is.
    """
    if invoke_url:
        LambdaBackend.invoke = invoke_by(invoke_url)  # type: ignore[method-assign]  # the correction
    moto_value: property = vars(FakeKey)["value"]
    setattr(FakeKey, "value", moto_value.setter(keep_bytes))  # noqa: B010 - mypy takes the property for a method
    rotate = SecretsManagerBackend.rotate_secret

    def rotate_secret(backend: SecretsManagerBackend, secret_id: str, *rest: Any, **options: Any) -> str:
        end_rotation(backend, secret_id)
        return rotate(backend, secret_id, *rest, **options)

    SecretsManagerBackend.rotate_secret = rotate_secret  # type: ignore[assignment, method-assign]  # the correction
    publish = LambdaStorage.publish_version

    def publish_version(storage: LambdaStorage, name_or_arn: str, description: str = "") -> LambdaFunction | None:
        function = storage.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
        version = publish(storage, name_or_arn, description)
        if version is not None:
            number_version(storage, function, version)
        return version

    LambdaStorage.publish_version = publish_version  # type: ignore[assignment, method-assign]  # the correction


if __name__ == "__main__":
    install(os.environ.get(INVOKE_URL))
    main(sys.argv[1:])

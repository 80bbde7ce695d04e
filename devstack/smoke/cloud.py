"""What the steps need of a cloud: AWS (`aws.AwsCloud`), or a cloud on this machine in tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nextitem.errors import NextItemError


class SmokeFailed(NextItemError):
    """A step found something that is not as it should be."""


class DeploymentRefused(NextItemError):
    """A release was rolled back; the text has the reason."""


@dataclass(frozen=True)
class Release:
    """One deployment of the function.

    Attributes:
        name: part of the build, so that each release publishes a version.
        fault: Python code at the end of the handler's module; empty for a good release.
    """

    name: str
    fault: str = ""


@dataclass(frozen=True)
class Deployment:
    """A release that takes all traffic.

    Attributes:
        version: of the function.
        shares: shares of the traffic that the version had on the way, 0 to 1, ascending.
    """

    version: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Response:
    """The API's response to one request.

    Attributes:
        status: of HTTP, or 0 if there was no response.
        body: the JSON object, or empty.
        milliseconds: until the response was complete.
    """

    status: int
    body: Mapping[str, Any]
    milliseconds: float


class Cloud(Protocol):
    """A stack of this project, from its first deployment to its deletion."""

    def deploy(self, release: Release) -> Deployment:
        """Build and deploy a release; return when it takes all traffic.

        Raises:
            DeploymentRefused: the deployment was rolled back.
            SmokeFailed: it could not be started.
        """

    def live_version(self) -> str:
        """Return the function's version that takes the traffic."""

    def publish(self, artifact: Path) -> str:
        """Publish a model and return its version."""

    def promote(self, version: str) -> int:
        """Give a version all traffic and return the route's revision."""

    def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the live function directly.

        Raises:
            SmokeFailed: the function raised an error.
        """

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        """Send a signed request to the HTTP API. May be called from several threads."""

    def rotate(self) -> float:
        """Rotate the key secret; return when the new one takes effect, in epoch seconds.

        Raises:
            SmokeFailed: the rotation did not end.
        """

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def delete(self) -> list[str]:
        """Delete the stack and what it retains; return a line for each thing that is left, and how to delete it."""

"""The template's store behind a door, with everything that decides about it and nothing else."""

import socket
import ssl
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.store_door.door import StoreDoor
from devstack.cloud.store_door.server import server_options
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from tests.devstack.cloud.deployments import STORE_HOST, STORE_PORT, recommend, simulate

ACCOUNT = Account()
ROLE_ARN = ACCOUNT.iam_arn("role/shop-RecommendRole")
_ADDRESS = "127.77.{}.{}"


class StoreScene:
    """A deployment, its door and a Valkey, inside its ``with`` block; the door listens on an address of its own.

    Attributes:
        url: the function's setting.
        trusted: file with the certificate that clients must trust.
        ahead: how far the clocks of door and authority are ahead of the real one.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        self.deployment = simulate({"StoreKind": kind})
        self.url: str = recommend(self.deployment).properties["Environment"]["Variables"]["NEXTITEM_STORE_URL"]
        self._pristine = dict(self.deployment.resources)
        self.authority = Authority(ACCOUNT, lambda: self.now)
        self.ahead = timedelta()
        self.host = STORE_HOST
        self._exit = ExitStack()
        self.restore()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._children = starting.enter_context(Children())
            self.valkey = start_valkey(
                self._children, self._folder, *server_options(serverless=self.kind == "serverless")
            )
            self.door = starting.enter_context(
                StoreDoor(self.deployment, self.authority, self.valkey.port, lambda: self.now)
            )
            certificates = CertificateAuthority()
            self.trusted = self._folder / "trusted.pem"
            self.trusted.write_text(certificates.pem)
            self.tls = certificates.server_context([self.host], self._folder)
            self.address = self.open(self.tls)
            self._exit = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def open(self, tls: ssl.SSLContext) -> str:
        """Let the door listen on one more address, at the port of the cache, and return the address."""
        listening = free_address(STORE_PORT)
        address: str = listening.getsockname()[0]
        self.door.open(listening, tls)
        return address

    def restore(self) -> None:
        """Undo what a test changed."""
        self.ahead = timedelta()
        self.deployment.resources.clear()
        self.deployment.resources.update(self._pristine)
        self.put_role(self.statements)

    def change(self, logical_id: str, **properties: Any) -> None:
        """Set properties of a resource; None removes one."""
        resource = self.deployment.resources[logical_id]
        changed = {**resource.properties, **properties}
        kept = {name: value for name, value in changed.items() if value is not None}
        self.deployment.resources[logical_id] = replace(resource, properties=kept)

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of the recommend function's role."""
        (policy,) = self._pristine["RecommendRole"].properties["Policies"]
        statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
        return statements

    def put_role(self, statements: list[dict[str, Any]]) -> None:
        """Give the function's role other statements."""
        trust = self._pristine["RecommendRole"].properties["AssumeRolePolicyDocument"]
        self.authority.put_role(ROLE_ARN, trust, {"recommend": {"Version": "2012-10-17", "Statement": statements}})

    def credentials(self) -> Credentials:
        """Return credentials of the function."""
        return self.authority.assume(ROLE_ARN, "shop-recommend", by="lambda.amazonaws.com")


def free_address(port: int) -> socket.socket:
    """Return a socket that listens on an address of loopback whose port is free."""
    for number in range(1, 1 << 16):
        with_port = (_ADDRESS.format(number >> 8, number & 0xFF), port)
        try:
            return socket.create_server(with_port)
        except OSError:
            continue  # another test run has it
    raise AssertionError(f"port {port} is taken everywhere")

"""The template's store behind a door, with everything that decides about it and nothing else."""

import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.resources import Deployment, Resource
from devstack.cloud.store_door.cache import read_cache
from devstack.cloud.store_door.door import StoreDoor
from devstack.cloud.store_door.server import server_options
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from devstack.template.dependencies import creation_order
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import deployed

ACCOUNT = Account()
_STACK = "shop"
_NAMES = ("ServerlessCacheName", "ReplicationGroupId", "UserId", "UserGroupId")
_HOSTS = {
    "Endpoint": "shop-sessions-abc123.serverless.euc1.cache.amazonaws.com",
    "PrimaryEndPoint": "master.shop-sessions.abc123.euc1.cache.amazonaws.com",
}
_PORT = 6379
_ADDRESS = "127.{}.{}.{}"
ROLE_ARN = ACCOUNT.iam_arn("role/shop-RecommendRole")


class Names:
    """Answers references as ElastiCache names things; what does not matter to the store has made-up ARNs."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources

    def ref(self, name: str) -> str:
        pseudo = {
            "AWS::Region": ACCOUNT.region,
            "AWS::AccountId": ACCOUNT.id,
            "AWS::Partition": ACCOUNT.partition,
            "AWS::StackName": _STACK,
            "AWS::URLSuffix": "amazonaws.com",
        }
        return pseudo[name] if name in pseudo else self._resources[name].physical_id

    def attribute(self, name: str, attribute: str) -> str:
        return self._resources[name].attributes.get(attribute, f"arn:aws:test:::{name}")

    def zones(self, region: str) -> list[str]:
        return [f"{region}{letter}" for letter in "abc"]


def deployment_of(kind: str) -> tuple[Deployment, str]:
    """Return the template with a kind of store, with its names, and the function's setting of the store's URL."""
    stack = deployed({"StoreKind": kind})
    deployment = Deployment(_STACK, ACCOUNT, stack.values)
    names = Names(deployment.resources)
    for logical_id in creation_order(stack.resources):
        resource = stack.resources[logical_id]
        properties: dict[str, Any] = resolve_value(resource.get("Properties", {}), names)
        is_secret = resource["Type"] == "AWS::SecretsManager::Secret"  # referred to by its ARN
        own_name = f"arn:aws:test:::{logical_id}" if is_secret else logical_id
        physical_id = next((properties[name] for name in _NAMES if name in properties), own_name)
        deployment.resources[logical_id] = Resource(
            logical_id, resource["Type"], properties, physical_id, _attributes(resource["Type"], physical_id)
        )
    variables = deployment.resources["RecommendFunction"].properties["Environment"]["Variables"]
    return deployment, variables["NEXTITEM_STORE_URL"]


def _attributes(resource_type: str, physical_id: str) -> dict[str, str]:
    kinds = {"User": "user", "ServerlessCache": "serverlesscache"}
    service, _, kind = resource_type.removeprefix("AWS::").partition("::")
    if service != "ElastiCache":
        return {"CidrBlock": "10.0.0.0/23"} if kind == "VPC" else {}
    places = {f"{endpoint}.Address": host for endpoint, host in _HOSTS.items()}
    ports = {f"{endpoint}.Port": str(_PORT) for endpoint in _HOSTS}
    arn = ACCOUNT.arn("elasticache", f"{kinds.get(kind, kind.lower())}:{physical_id}")
    return {"Arn": arn, "ARN": arn, **places, **ports}


class StoreScene:
    """A deployment, its door and a Valkey, inside its ``with`` block; the door listens on an address of its own.

    Attributes:
        url: the function's setting.
        trusted: file with the certificate that clients must trust.
        now: the door's clock; None for the real one.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        self.deployment, self.url = deployment_of(kind)
        self._pristine = dict(self.deployment.resources)
        self.authority = Authority(ACCOUNT, lambda: self.now)
        self.ahead = timedelta()
        self.host = read_cache(self.deployment).host
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
        listening = free_address(_PORT)
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
        with_port = (_ADDRESS.format(77, number >> 8, number & 0xFF), port)
        try:
            return socket.create_server(with_port)
        except OSError:
            continue  # another test run has it
    raise AssertionError(f"port {port} is taken everywhere")

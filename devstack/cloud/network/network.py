"""The network of a deployment: one place for each VPC configuration of its functions, and one outside of the VPC.

Servers of this process are reached at `Network.entrances`: listening sockets inside the places, with certificates for
the names under which clients there know them.
"""

import contextlib
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.network.place import Place
from devstack.cloud.network.routes import Route, VpcConfig, caller_address, internet_routes, vpc_config, vpc_routes
from devstack.cloud.network.trust import write_trust
from devstack.cloud.resources import Deployment
from devstack.processes.children import Children
from devstack.processes.errors import StackError

OUTSIDE = "192.0.2.10"
"""The address of callers outside of the VPC (TEST-NET-1, RFC 5737)."""


@dataclass(frozen=True)
class Entrance:
    """Where callers in one place reach a server.

    Attributes:
        place: of the callers.
        route: the service, its names, and the VPC endpoint that leads there.
        listening: a socket inside the place; closed with the network at the latest.
        tls: with a certificate for the route's names.
    """

    place: Place
    route: Route
    listening: socket.socket
    tls: ssl.SSLContext


class Network:
    """The places of a deployment, inside its ``with`` block. Routes are those of the deployment when the block begins.

    Attributes:
        entrances: of every server that can be reached, in all places.
        internet: the place of callers outside of the VPC: operations functions, publishers, deployers.
    """

    def __init__(
        self,
        deployment: Deployment,
        children: Children,
        directory: Path,
        *,
        pythons: Sequence[Path] = (Path(sys.executable),),
        libraries: Sequence[Path] = (),
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            deployment: all of its network resources, functions and stores must exist already.
            children: owner of the processes that hold the namespaces.
            directory: an existing folder for files of the network.
            pythons: interpreters of the workers; their libraries will trust the certificates.
            libraries: further folders with libraries that shall trust them, such as built artifacts.
        """
        self.entrances: list[Entrance] = []
        self._deployment = deployment
        self._children = children
        self._directory = directory
        self._pythons, self._libraries = pythons, libraries
        self._authority = CertificateAuthority()
        self._places: dict[VpcConfig | None, Place] = {}
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        trust = self._directory / "trust"
        trust.mkdir()
        self._mounts = write_trust(self._authority, trust, self._pythons, self._libraries)
        functions = self._deployment.of_type("AWS::Lambda::Function")
        configs = {vpc_config(self._deployment, function.properties) for function in functions}
        with contextlib.ExitStack() as resources:
            self.internet = self._open(None, "internet", OUTSIDE, internet_routes(self._deployment), resources)
            for number, config in enumerate(config for config in configs if config is not None):
                address = caller_address(self._deployment, config)
                self._open(config, f"vpc-{number}", address, vpc_routes(self._deployment, config), resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def place_of(self, properties: Mapping[str, Any]) -> Place:
        """Return the place of a function.

        Args:
            properties: of the function.

        Raises:
            StackError: no function of the deployment was there when the network was started.
        """
        config = vpc_config(self._deployment, properties)
        if config not in self._places:
            raise StackError(f"The network has no place for {config}; start it after the functions are created.")
        return self._places[config]

    def _open(
        self,
        config: VpcConfig | None,
        label: str,
        address: str,
        routes: Sequence[Route],
        resources: contextlib.ExitStack,
    ) -> Place:
        place = resources.enter_context(Place(label, address, self._children, self._directory, self._mounts))
        self._places[config] = place
        for route in routes:
            for host in route.hosts:
                place.name(host, route.address)
            if route.is_open:
                listening = place.listen(route.address, route.port)
                resources.callback(listening.close)
                tls = self._authority.server_context(route.hosts, self._directory)
                self.entrances.append(Entrance(place, route, listening, tls))
        return place

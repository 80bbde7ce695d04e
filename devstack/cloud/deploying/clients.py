"""Calls of AWS APIs: into moto, or only checked where moto does not know the operation."""

from functools import cache
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.serialize import create_serializer

from devstack.cloud.account import Account
from devstack.cloud.deploying.shapes import fit

_NO_RETRIES = Config(
    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=30
)


@cache
def _session() -> Any:
    """Return one session for all clients: reading the models of the APIs takes a second. Typed stubs have no `str`."""
    return boto3.Session()


@cache
def endpoint_services() -> frozenset[str]:
    """Return the names that services have in those of VPC endpoints, such as ``secretsmanager``; some have none."""
    return frozenset(_session().get_available_services()) - {"cloudwatch"} | {"monitoring"}


class Clients:
    """The services of one account at moto's endpoint.

    Args:
        endpoint: of moto's server, such as ``http://127.0.0.1:5000``.
        account: whose region the clients have.
    """

    def __init__(self, endpoint: str, account: Account) -> None:
        self._endpoint = endpoint
        self._account = account
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``lambda``."""
        if service not in self._clients:
            self._clients[service] = _session().client(
                service,
                endpoint_url=self._endpoint,
                region_name=self._account.region,
                # moto takes any 12 digits of a key id for the account
                aws_access_key_id=self._account.id,
                aws_secret_access_key="deployer",  # noqa: S106 - moto accepts any
                config=_NO_RETRIES,
            )
        return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Check a call against the API and send it to moto; ``call("ec2", "CreateVpc", CidrBlock="10.0.0.0/23")``.

        Raises:
            ValueError: the API does not have a parameter, or refuses its value.
            botocore.exceptions.ClientError: moto refuses the call.
        """
        client = self.client(service)
        fitted = fit(parameters, client.meta.service_model.operation_model(operation).input_shape)
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**fitted)
        return answer

    def check(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Check a call that moto does not know, down to the request on the wire, and return its parameters.

        Raises:
            ValueError: the API does not have a parameter, or refuses its value.
            botocore.exceptions.ParamValidationError: botocore refuses the call.
        """
        model = self.client(service).meta.service_model
        operation_model = model.operation_model(operation)
        fitted: dict[str, Any] = fit(parameters, operation_model.input_shape)
        serializer = create_serializer(model.resolved_protocol, include_validation=True)
        serializer.serialize_to_request(fitted, operation_model)
        return fitted

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

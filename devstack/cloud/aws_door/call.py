"""What a request asks for, as IAM sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web

from devstack.cloud.iam.signatures import SignedRequest
from devstack.cloud.resources import Resource

Context = Mapping[str, tuple[str, ...]]
"""Condition keys with their values."""


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came.

    Attributes:
        signed: what its signature covers.
        secure: whether it came over TLS.
        peer: the address of the client.
        headers: with names in lower case.
    """

    signed: SignedRequest
    secure: bool
    peer: str
    headers: Mapping[str, str]

    @classmethod
    async def read(cls, request: web.Request, *, secure: bool) -> Self:
        """Read a request with its body."""
        path, _, query = request.raw_path.partition("?")
        pairs = tuple(request.headers.items())
        signed = SignedRequest(request.method, path, query, pairs, await request.read())
        return cls(signed, secure, request.remote or "", {name.lower(): value for name, value in pairs})

    @property
    def method(self) -> str:
        """The method."""
        return self.signed.method

    @property
    def path(self) -> str:
        """The percent-encoded path."""
        return self.signed.path

    @property
    def query(self) -> str:
        """The percent-encoded query."""
        return self.signed.query

    @property
    def body(self) -> bytes:
        """The body as it came, perhaps in chunks."""
        return self.signed.body

    @property
    def parameters(self) -> dict[str, str]:
        """The decoded query; a name without a value has an empty one."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class KeyUse:
    """A use of a KMS key by a service, with the rights of its caller.

    Attributes:
        action: such as ``kms:Decrypt``.
        key: the key's ARN.
        service: the service that uses it.
        context: the encryption context.
    """

    action: str
    key: str
    service: str
    context: Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """An action on a resource.

    Attributes:
        service: which answers.
        action: of IAM, such as ``s3:GetObject``.
        resource: the ARN that policies must match.
        owner: the resource whose own policy also counts, or None.
        context: the condition keys of this action, without the global ones.
        key_uses: the uses of KMS keys that must be allowed before it is done.
    """

    service: str
    action: str
    resource: str
    owner: Resource | None = None
    context: Context = field(default_factory=dict)
    key_uses: tuple[KeyUse, ...] = ()

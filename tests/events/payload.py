"""The shape of what API Gateway sends for an HTTP API, payload format 2.0, IAM-authorised.

From https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html:
header names are in lower case, repeated headers and query parameters are joined by commas, and what a
request does not have is left out (not null).
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

EVENTS = Path(__file__).parents[2] / "events"

HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}$")]


class _Exact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Every field that API Gateway sends, and no other."""


class Iam(_Exact, frozen=True):
    access_key: str
    account_id: AccountId
    caller_id: str
    cognito_identity: None
    principal_org_id: str | None
    user_arn: str
    user_id: str


class Authorizer(_Exact, frozen=True):
    iam: Iam


class Http(_Exact, frozen=True):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    path: str
    protocol: str
    source_ip: str
    user_agent: str


class RequestContext(_Exact, frozen=True):
    account_id: AccountId
    api_id: str
    authorizer: Authorizer
    domain_name: str
    domain_prefix: str
    http: Http
    request_id: str
    route_key: str
    stage: str
    time: str
    time_epoch: int


class Payload(_Exact, frozen=True):
    version: Literal["2.0"]
    route_key: str
    raw_path: str
    raw_query_string: str
    headers: dict[HeaderName, str]
    request_context: RequestContext
    is_base64_encoded: bool = msgspec.field(name="isBase64Encoded")
    query_string_parameters: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    path_parameters: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    body: str | msgspec.UnsetType = msgspec.UNSET


def http_files() -> list[Path]:
    """Payloads that API Gateway would send."""
    return sorted(path for path in EVENTS.glob("*.json") if not path.name.startswith("direct_"))


def direct_files() -> list[Path]:
    """Payloads of backends that invoke the function themselves."""
    return sorted(EVENTS.glob("direct_*.json"))

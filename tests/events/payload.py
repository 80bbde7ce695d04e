"""The shape of what API Gateway sends for an HTTP API, payload format 2.0, IAM-authorised.

From https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html:
header names are in lower case, repeated headers and query parameters are joined by commas, and what a
request does not have is left out (not null).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

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


EVENT_SOURCES: dict[str, dict[str, Any]] = {
    "sqs": {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs", "awsRegion": "eu-central-1"}]},
    "sns": {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": "{}"}}]},
    "s3": {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]},
    "kinesis": {"Records": [{"eventSource": "aws:kinesis", "eventID": "shard:1", "kinesis": {"data": "e30="}}]},
    "dynamodb": {"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}]},
    "kafka": {"eventSource": "aws:kafka", "eventSourceArn": "arn", "records": {"topic-0": [{"value": "e30="}]}},
    "mq": {"eventSource": "aws:mq", "eventSourceArn": "arn", "messages": [{"data": "e30="}]},
    "firehose": {"invocationId": "1", "deliveryStreamArn": "arn", "records": [{"recordId": "1", "data": "e30="}]},
    "eventbridge": {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
    "logs": {"awslogs": {"data": "H4sIAAAAAAAA"}},
}
"""Events whose sources read no answer, shortened:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html."""

OTHER_HTTP: dict[str, dict[str, Any]] = {
    "rest_api": {
        "resource": "/v1/health",
        "path": "/v1/health",
        "httpMethod": "GET",
        "headers": {},
        "requestContext": {"resourcePath": "/v1/health", "httpMethod": "GET", "stage": "prod"},
        "body": None,
    },
    "http_api_1": {"version": "1.0", "resource": "/v1/health", "path": "/v1/health", "httpMethod": "GET"},
    "load_balancer": {
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
        "httpMethod": "GET",
        "path": "/v1/health",
        "queryStringParameters": {},
        "headers": {"host": "lb"},
        "body": "",
        "isBase64Encoded": False,
    },
    "lattice": {"version": "2.0", "path": "/v1/health", "method": "GET", "headers": {"host": ["lattice"]}},
    "function_url": {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/v1/health",
        "rawQueryString": "",
        "headers": {"host": "id.lambda-url.eu-central-1.on.aws"},
        "requestContext": {"http": {"method": "GET", "path": "/v1/health"}, "stage": "$default"},
        "isBase64Encoded": False,
    },
    "web_socket": {"headers": {}, "requestContext": {"routeKey": "$connect", "eventType": "CONNECT"}},
}
"""HTTP requests that are not events of an HTTP API with payload format 2.0, shortened."""

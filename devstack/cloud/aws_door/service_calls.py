"""Requests to the other services as IAM actions.

https://docs.aws.amazon.com/service-authorization/latest/reference/. A service with the JSON protocol names its
operation in the header X-Amz-Target; Lambda and X-Ray name it by the path.
"""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from devstack.cloud.aws_door.call import Call, HttpRequest, KeyUse
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import Refused, not_modelled
from devstack.cloud.aws_door.hosts import service_host
from devstack.cloud.resources import Resource

_TARGETS = {
    "secretsmanager": "secretsmanager",
    "logs": "Logs_20140328",
    "codedeploy": "CodeDeploy_20141006",
    "kms": "TrentService",
}
"""The first part of X-Amz-Target of each service."""
_SECRET_CONTEXT = {
    "SecretId": "secretsmanager:SecretId",
    "VersionId": "secretsmanager:VersionId",
    "VersionStage": "secretsmanager:VersionStage",
}
_READING = {"GetSecretValue"}
_WRITING = {"PutSecretValue", "UpdateSecret"}
"""Operations that encrypt a new value; Secrets Manager also decrypts then:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-authz."""
_INVOCATIONS = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
_XRAY_ACTIONS = {"/TraceSegments": "PutTraceSegments", "/TelemetryRecords": "PutTelemetryRecords"}

GroupOf = Callable[[str], str]
"""Returns the ARN of the deployment group of a CodeDeploy deployment; raises LookupError."""


def parse_service(service: str, request: HttpRequest, catalogue: Catalogue, group_of: GroupOf) -> Call:
    """Parse a request to a service other than S3.

    Args:
        service: which is asked.
        request: as it came.
        catalogue: the deployment's resources.
        group_of: finds the deployment group of a CodeDeploy deployment.

    Raises:
        Refused: the request is wrong, or the local cloud does not model it.
    """
    match service:
        case "lambda":
            return _lambda_call(request, catalogue)
        case "xray":
            return _xray_call(request)
        case "sts":
            return _sts_call(request)
    prefix, _, operation = request.headers.get("x-amz-target", "").partition(".")
    if prefix != _TARGETS[service] or not operation:
        raise not_modelled(service, request.headers.get("x-amz-target", "a request without X-Amz-Target"))
    body = _json_object(request.body)
    if service == "codedeploy":
        return _codedeploy_call(operation, body, group_of)
    parse = {"secretsmanager": _secret_call, "logs": _logs_call, "kms": _kms_call}[service]
    return parse(operation, body, catalogue)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Refused("SerializationException", "The body is no JSON object", HTTPStatus.BAD_REQUEST)
    return parsed


def _xray_call(request: HttpRequest) -> Call:
    action = _XRAY_ACTIONS.get(request.path)
    if action is None:
        raise not_modelled("xray", request.path)
    return Call("xray", f"xray:{action}", "*")


def _sts_call(request: HttpRequest) -> Call:
    if "Action=GetCallerIdentity" not in request.body.decode(errors="replace").split("&"):
        raise not_modelled("sts", "anything but GetCallerIdentity")
    return Call("sts", "sts:GetCallerIdentity", "*")


def _secret_call(operation: str, body: dict[str, Any], catalogue: Catalogue) -> Call:
    if "SecretId" not in body:
        raise not_modelled("secretsmanager", f"{operation} without a SecretId")
    secret_id = str(body["SecretId"])
    secret = catalogue.secret(secret_id)
    whole = (
        secret_id if secret_id.startswith("arn:") else catalogue.account.arn("secretsmanager", f"secret:{secret_id}")
    )
    return Call(
        "secretsmanager",
        f"secretsmanager:{operation}",
        secret.physical_id if secret else whole,
        secret,
        {key: (str(body[name]),) for name, key in _SECRET_CONTEXT.items() if name in body},
        _secret_key_uses(operation, secret, catalogue) if secret else (),
    )


def _secret_key_uses(operation: str, secret: Resource, catalogue: Catalogue) -> tuple[KeyUse, ...]:
    key_id = secret.properties.get("KmsKeyId")
    if key_id is None:  # AWS's own key, which all of the account may use through Secrets Manager
        return ()
    actions = {
        **dict.fromkeys(_READING, ("kms:Decrypt",)),
        **dict.fromkeys(_WRITING, ("kms:GenerateDataKey", "kms:Decrypt")),
    }.get(operation, ())
    key = catalogue.key(str(key_id))
    if key is None and actions:
        raise Refused("DecryptionFailure", f"The key {key_id} does not exist", HTTPStatus.BAD_REQUEST)
    host = service_host(catalogue.account, "secretsmanager")
    context = {"SecretARN": secret.physical_id}
    return tuple(KeyUse(action, key.attributes["Arn"], host, context) for action in actions if key)


def _logs_call(operation: str, body: dict[str, Any], catalogue: Catalogue) -> Call:
    if "logGroupName" not in body:
        raise not_modelled("logs", f"{operation} without a logGroupName")
    # Actions on groups, too, are authorized with ":log-stream:" at the end.
    stream = body.get("logStreamName", "")
    resource = catalogue.account.arn("logs", f"log-group:{body['logGroupName']}:log-stream:{stream}")
    return Call("logs", f"logs:{operation}", resource)


def _codedeploy_call(operation: str, body: dict[str, Any], group_of: GroupOf) -> Call:
    if operation != "PutLifecycleEventHookExecutionStatus":
        raise not_modelled("codedeploy", operation)
    try:
        group = group_of(str(body.get("deploymentId", "")))
    except LookupError:
        message = f"Deployment {body.get('deploymentId')} does not exist"
        raise Refused("DeploymentDoesNotExistException", message, HTTPStatus.BAD_REQUEST) from None
    return Call("codedeploy", f"codedeploy:{operation}", group)


def _kms_call(operation: str, body: dict[str, Any], catalogue: Catalogue) -> Call:
    key = catalogue.key(str(body["KeyId"])) if "KeyId" in body else None
    if key is None:
        raise not_modelled("kms", f"{operation} without the id of a key of the stack")
    return Call("kms", f"kms:{operation}", key.attributes["Arn"], key)


def _lambda_call(request: HttpRequest, catalogue: Catalogue) -> Call:
    match = _INVOCATIONS.fullmatch(request.path)
    if match is None or request.method != "POST":
        raise not_modelled("lambda", f"{request.method} {request.path}")
    invocation_type = request.headers.get("x-amz-invocation-type", "RequestResponse")
    if invocation_type != "RequestResponse":
        raise not_modelled("lambda", f"invocations of type {invocation_type}")
    function, arn = catalogue.function(unquote(match["name"]), request.parameters.get("Qualifier"))
    return Call("lambda", "lambda:InvokeFunction", arn, function)

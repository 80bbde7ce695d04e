"""Logs and traces: what the Lambda service may send of them, with the role of each function.

AWS drops what a role may not send, without an error anywhere:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html. Managed instances send from within the VPC,
so their endpoints decide, too.
"""

from collections.abc import Iterator

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import Authority
from devstack.cloud.resources import Resource
from devstack.cloud.running.configuration import Configuration, parse_configuration
from devstack.cloud.running.sandbox import LAMBDA

STREAM = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"
"""Stands for the name of a log stream."""


def undelivered(catalogue: Catalogue, authority: Authority, authorizer: Authorizer) -> list[str]:
    """Return a sentence for each log or trace of a function that would be lost.

    Args:
        catalogue: the deployment's resources.
        authority: issues credentials of the functions' roles.
        authorizer: decides.
    """
    losses = []
    for function in catalogue.of_type("AWS::Lambda::Function"):
        configuration = parse_configuration(function)
        context = {"aws:SourceAccount": (catalogue.account.id,), "aws:SourceArn": (configuration.arn,)}
        credentials = authority.assume(configuration.role, configuration.name, by=LAMBDA, context=context)
        principal = authority.principal_of(credentials.access_key_id)
        for call in _calls(configuration, catalogue):
            endpoint = _endpoint(call.service, catalogue)
            if configuration.concurrency is None:
                endpoint = None  # the Lambda service sends, not the function's place
            elif endpoint is None:
                losses.append(f"{function.logical_id}: no VPC endpoint leads to {call.service}")
                continue
            decision = authorizer.decide(Caller(principal, endpoint), call)
            if not decision.allowed:
                losses.append(f"{function.logical_id}: {call.action} on {call.resource} is refused {decision.reason}")
    return losses


def _calls(configuration: Configuration, catalogue: Catalogue) -> Iterator[Call]:
    group, arn = configuration.log_group, catalogue.account.arn
    if not any(found.physical_id == group for found in catalogue.of_type("AWS::Logs::LogGroup")):
        yield Call("logs", "logs:CreateLogGroup", arn("logs", f"log-group:{group}"))
    yield Call("logs", "logs:CreateLogStream", arn("logs", f"log-group:{group}:log-stream:"))
    yield Call("logs", "logs:PutLogEvents", arn("logs", f"log-group:{group}:log-stream:{STREAM}"))
    if configuration.properties.get("TracingConfig", {}).get("Mode") == "Active":
        yield Call("xray", "xray:PutTraceSegments", "*")
        yield Call("xray", "xray:PutTelemetryRecords", "*")


def _endpoint(service: str, catalogue: Catalogue) -> Resource | None:
    endpoints = catalogue.of_type("AWS::EC2::VPCEndpoint")
    return next((found for found in endpoints if found.properties["ServiceName"].endswith(f".{service}")), None)

"""Everything that exists in the account: what a deleted stack must not leave behind."""

from typing import Any

from devstack.cloud.deploying.packaging import artifacts_bucket
from devstack.cloud.deploying.resource_type import Site

_LISTS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("apigatewayv2", "get_apis", "Items", "ApiId", {}),
    ("apigatewayv2", "get_domain_names", "Items", "DomainName", {}),
    ("application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId", {}),
    ("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", "PolicyARN", {}),
    ("application-autoscaling", "describe_scheduled_actions", "ScheduledActions", "ScheduledActionARN", {}),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", {}),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName", {}),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId", {}),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId", {}),
    ("ec2", "describe_subnets", "Subnets", "SubnetId", {}),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", {}),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId", {}),
    ("events", "list_rules", "Rules", "Name", {}),
    ("iam", "list_policies", "Policies", "Arn", {"Scope": "Local"}),
    ("iam", "list_roles", "Roles", "RoleName", {}),
    ("kms", "list_keys", "Keys", "KeyId", {}),
    ("lambda", "list_functions", "Functions", "FunctionName", {}),
    ("logs", "describe_log_groups", "logGroups", "logGroupName", {}),
    ("s3", "list_buckets", "Buckets", "Name", {}),
    ("secretsmanager", "list_secrets", "SecretList", "ARN", {}),
    ("stepfunctions", "list_state_machines", "stateMachines", "name", {}),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn", {}),
    ("sns", "list_topics", "Topics", "TopicArn", {}),
)


def inventory(site: Site) -> set[tuple[str, str]]:
    """Return the services and the names or ids of everything in the account, also of what no stack made.

    Keys that wait for their deletion, and the archives of functions, do not count. Emulated resources are those of
    `Site.live`.
    """
    found = {(resource.type, resource.physical_id) for resource in site.live.values()}
    for service, method, key, name, parameters in _LISTS:
        client = site.clients.client(service)
        wanted = {"ServiceNamespace": "lambda"} if service == "application-autoscaling" else parameters
        pages = (
            client.get_paginator(method).paginate(**wanted)
            if client.can_paginate(method)
            else [getattr(client, method)(**wanted)]
        )
        entries = (entry for page in pages for entry in page.get(key, []))
        # EC2 shows deleted endpoints for some time
        found |= {(service, entry[name]) for entry in entries if entry.get("State") != "deleted"}
    pending = {entry for entry in found if entry[0] == "kms" and _is_pending(site, entry[1])}
    return found - pending - {("s3", artifacts_bucket(site))}


def _is_pending(site: Site, key: str) -> bool:
    described = site.clients.client("kms").describe_key(KeyId=key)
    return bool(described["KeyMetadata"]["KeyState"] == "PendingDeletion")

"""Which servers a function reaches follows from the template's endpoints, route tables and security groups."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.cloud.network.routes import PUBLIC, STORE, Route, internet_routes, vpc_config, vpc_routes
from devstack.cloud.resources import Deployment
from devstack.template.stack import Values
from tests.devstack.cloud.deployments import BUCKET, STORE_HOST, recommend, simulate

Edit = Callable[[dict[str, Any]], object]


def routes(deployment: Deployment) -> dict[str, Route]:
    config = vpc_config(deployment, recommend(deployment).properties)
    assert config is not None
    return {route.service: route for route in vpc_routes(deployment, config)}


def open_services(values: Values | None = None, edit: Edit | None = None) -> set[str]:
    return {service for service, route in routes(simulate(values, edit)).items() if route.is_open}


@pytest.mark.parametrize("store", ["serverless", "nodes"])
def test_the_function_reaches_the_bucket_the_secret_and_the_store_only(store: str) -> None:
    assert open_services({"StoreKind": store}) == {"s3", "secretsmanager", STORE}


def test_managed_instances_also_reach_logs_and_traces() -> None:
    """GIVEN instances that send their own logs WHEN their capacity provider is in the subnets THEN they can."""
    assert open_services({"ColdStartStrategy": "managed-instances"}) == {"s3", "secretsmanager", STORE, "logs", "xray"}


def test_names_lead_to_the_right_kind_of_address() -> None:
    found = routes(simulate())
    assert found["s3"].hosts == ("s3.eu-central-1.amazonaws.com", f"{BUCKET}.s3.eu-central-1.amazonaws.com")
    assert found["s3"].address in map(str, PUBLIC)
    assert found["secretsmanager"].address.startswith("10.0.0.")
    assert found["secretsmanager"].endpoint is not None
    assert found["secretsmanager"].endpoint.logical_id == "SecretsManagerEndpoint"
    assert found["secretsmanager"].vpc_id == "Vpc"
    assert (found[STORE].hosts, found[STORE].port) == ((STORE_HOST,), 6379)
    assert found["lambda"].endpoint is None


def test_callers_outside_the_vpc_reach_every_service_but_not_the_store() -> None:
    found = internet_routes(simulate())
    assert {route.service for route in found if not route.is_open} == {STORE}
    assert all(route.endpoint is None for route in found)


def test_a_function_without_subnets_is_outside_of_the_vpc() -> None:
    deployment = simulate()
    assert vpc_config(deployment, deployment.resources["PreTrafficFunction"].properties) is None


def set_property(name: str, key: str, value: Any) -> Edit:
    def edit(template: dict[str, Any]) -> None:
        template["Resources"][name]["Properties"][key] = value

    return edit


def without(*names: str) -> Edit:
    def edit(template: dict[str, Any]) -> None:
        for name in names:
            del template["Resources"][name]
        for resource in template["Resources"].values():
            if isinstance(wanted := resource.get("DependsOn"), list):
                resource["DependsOn"] = [name for name in wanted if name not in names]

    return edit


@pytest.mark.parametrize(
    ("edit", "lost"),
    [
        (without("S3Endpoint"), {"s3"}),
        (without("PrivateRoutesOfA"), {"s3"}),
        (without("PrivateRoutesOfB"), {"s3"}),
        (set_property("S3Endpoint", "RouteTableIds", []), {"s3"}),
        (set_property("S3Endpoint", "ServiceName", "com.amazonaws.eu-west-1.s3"), {"s3"}),
        (without("SecretsManagerEndpoint"), {"secretsmanager"}),
        (set_property("SecretsManagerEndpoint", "PrivateDnsEnabled", False), {"secretsmanager"}),
        (set_property("Vpc", "EnableDnsHostnames", False), {"secretsmanager"}),
        (set_property("EndpointSecurityGroup", "SecurityGroupIngress", []), {"secretsmanager"}),
        (
            set_property(
                "EndpointSecurityGroup",
                "SecurityGroupIngress",
                [{"IpProtocol": "tcp", "FromPort": 444, "ToPort": 444, "CidrIp": "0.0.0.0/0"}],
            ),
            {"secretsmanager"},
        ),
        (without("FunctionToStore"), {STORE}),
        (set_property("FunctionToStore", "ToPort", 6378), {STORE}),
        (set_property("FunctionToStore", "IpProtocol", "udp"), {STORE}),
        (set_property("StoreSecurityGroup", "SecurityGroupIngress", []), {STORE}),
        (
            set_property(
                "FunctionSecurityGroup", "SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}]
            ),
            {"s3", "secretsmanager"},
        ),
        (
            set_property(
                "FunctionSecurityGroup", "SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/23"}]
            ),
            {"s3"},
        ),
    ],
)
@pytest.mark.slow
def test_each_part_of_the_way_is_needed(edit: Edit, lost: set[str]) -> None:
    assert open_services(edit=edit) == {"s3", "secretsmanager", STORE} - lost


def test_a_group_without_egress_rules_lets_everything_out() -> None:
    """AWS adds a rule that allows everything to such a group; so the store stays reachable without its own rule."""

    def edit(template: dict[str, Any]) -> None:
        without("FunctionToStore")(template)
        del template["Resources"]["FunctionSecurityGroup"]["Properties"]["SecurityGroupEgress"]

    assert open_services(edit=edit) == {"s3", "secretsmanager", STORE}


def test_network_resources_that_are_not_modelled_are_refused() -> None:
    def edit(template: dict[str, Any]) -> None:
        template["Resources"]["Gateway"] = {"Type": "AWS::EC2::InternetGateway"}

    with pytest.raises(ValueError, match="Gateway: AWS::EC2::InternetGateway is not modelled"):
        open_services(edit=edit)


def test_rules_that_are_not_modelled_are_refused() -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "DestinationPrefixListId": "pl-1"}
    with pytest.raises(ValueError, match="DestinationPrefixListId"):
        open_services(edit=set_property("FunctionSecurityGroup", "SecurityGroupEgress", [rule]))

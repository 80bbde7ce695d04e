"""A worker gets the variables that Lambda sets for its strategy, those of the template, and no others."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Credentials
from devstack.cloud.resources import Deployment, Resource
from devstack.cloud.running.configuration import LATEST, parse_configuration
from devstack.cloud.running.environment import lambda_environment
from tests.devstack.cloud.deployments import recommend, simulate

ALWAYS = {
    "LANG",
    "TZ",
    "PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_LOG_FORMAT",
}
KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
PROVIDER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
ISSUED = Credentials("ASIA1", "hush", "token", datetime(2026, 11, 29, tzinfo=UTC))


def variables(function: Resource, version: str = "1", *, is_prepared: bool = False) -> dict[str, str]:
    return lambda_environment(
        parse_configuration(function, version),
        Account(),
        "127.0.0.1:9001",
        ISSUED,
        code=Path("/code"),
        runtime_path=None,
        is_prepared=is_prepared,
    )


def of_template(deployment: Deployment) -> set[str]:
    return set(recommend(deployment).properties["Environment"]["Variables"])


@pytest.mark.parametrize(
    ("strategy", "is_prepared", "kind", "more"),
    [
        ("none", False, "on-demand", KEYS),
        ("provisioned", True, "provisioned-concurrency", KEYS),
        ("provisioned", False, "on-demand", KEYS),
        ("snapstart", True, "snap-start", PROVIDER),
        (
            "managed-instances",
            True,
            "lambda-managed-instances",
            {*KEYS, "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_LOG_LEVEL"},
        ),
    ],
)
def test_variables_of_each_strategy(strategy: str, is_prepared: bool, kind: str, more: set[str]) -> None:
    deployment = simulate({"ColdStartStrategy": strategy})
    environment = variables(recommend(deployment), is_prepared=is_prepared)
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == kind
    assert set(environment) == ALWAYS | of_template(deployment) | more


def test_values_come_from_the_template_and_the_role() -> None:
    environment = variables(recommend(simulate({"MemorySize": 2048})), "7")
    expected = {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_SESSION_TOKEN": "token",
        "AWS_LAMBDA_FUNCTION_NAME": "shop-recommend",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop-recommend",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": "/code",
        "NEXTITEM_MODEL_DIR": "/tmp/nextitem",  # noqa: S108 - the template's value
    }
    assert {name: environment[name] for name in expected} == expected
    assert "shop-recommend[7]" in environment["AWS_LAMBDA_LOG_STREAM_NAME"]


def test_snapshots_are_of_published_versions_only() -> None:
    function = recommend(simulate({"ColdStartStrategy": "snapstart"}))
    assert variables(function, LATEST)["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


def test_each_worker_has_a_log_stream_of_its_own() -> None:
    function = recommend(simulate())
    streams = {variables(function)["AWS_LAMBDA_LOG_STREAM_NAME"] for _ in range(2)}
    assert len(streams) == 2


@pytest.mark.slow
def test_variables_that_lambda_reserves_are_refused() -> None:
    def edit(template: dict[str, Any]) -> None:
        template["Globals"]["Function"]["Environment"]["Variables"]["AWS_REGION"] = "eu-west-1"

    with pytest.raises(ValueError, match="RecommendFunction: Lambda reserves AWS_REGION"):
        parse_configuration(recommend(simulate(edit=edit)))

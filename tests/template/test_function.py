"""The recommend function: its configuration and its environment variables."""

from typing import Any

import pytest

from devstack.template.stack import ROOT, Stack, Values, deployed
from model_export.cost.estimate import VCPU_MB
from nextitem.redis_client.url import Address
from nextitem.settings import Settings
from tests.template.combinations import COLD

LIBRARY_SETTINGS = {"OPENBLAS_NUM_THREADS": "1"}
NOT_FOR_LAMBDA = {"NEXTITEM_KEY_SECRET"}
"""Settings for devstack and tests only: a secret does not belong in a variable."""
KNOWN_TO_AWS = {
    "${StoreUser}": "shop-recommend",
    "${ServerlessCache}": "shop-sessions",
    "${ServerlessCache.Endpoint.Address}": "shop-sessions.serverless.euc1.cache.amazonaws.com",
    "${ServerlessCache.Endpoint.Port}": "6379",
    "${NodeCache}": "shop-sessions",
    "${NodeCache.PrimaryEndPoint.Address}": "master.shop-sessions.euc1.cache.amazonaws.com",
    "${NodeCache.PrimaryEndPoint.Port}": "6379",
}
"""Example values for what CloudFormation fills in."""


class RecordingEnvironment(dict[str, str]):
    """An environment that records which names are read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.names_read: set[str] = set()

    def get(self, name: str, default: Any = None, /) -> Any:
        self.names_read.add(name)
        return super().get(name, default)


def environment_of(values: Values) -> dict[str, Any]:
    variables: dict[str, Any] = deployed(values).recommend[1]["Environment"]["Variables"]
    return variables


def environment_on_lambda(values: Values) -> dict[str, str]:
    """Return the function's environment with names and addresses filled in."""
    variables = environment_of(values)
    url = variables["NEXTITEM_STORE_URL"]["Fn::Sub"]
    for name, value in KNOWN_TO_AWS.items():
        url = url.replace(name, value)
    return variables | {
        "NEXTITEM_STORE_URL": url,
        "NEXTITEM_BUCKET": "models",
        "NEXTITEM_STACK": "nextitem",
        "NEXTITEM_KEY_SECRET_ID": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nextitem-AbCdEf",
    }


@pytest.fixture
def function(stack: Stack) -> dict[str, Any]:
    return stack.recommend[1]


def test_it_runs_on_the_runtime_that_the_build_compiles_for(stack: Stack) -> None:
    assert {function["Runtime"] for function in stack.of_type("AWS::Lambda::Function").values()} == {"python3.13"}


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_every_function_runs_on_the_chosen_processor(architecture: str) -> None:
    for function in deployed({"Architecture": architecture}).of_type("AWS::Lambda::Function").values():
        assert function["Architectures"] == [architecture]


@pytest.mark.parametrize("values", COLD.values(), ids=COLD)
def test_its_environment_has_exactly_the_settings_that_are_read(values: Values) -> None:
    environment = RecordingEnvironment(environment_on_lambda(values))

    Settings.read(environment)

    read = {name for name in environment.names_read if name.startswith("NEXTITEM_")} - NOT_FOR_LAMBDA
    assert set(environment) == read | LIBRARY_SETTINGS.keys()


def test_default_parameters_are_the_default_settings() -> None:
    environment = environment_on_lambda({})

    required = ("NEXTITEM_BUCKET", "NEXTITEM_STORE_URL", "NEXTITEM_KEY_SECRET_ID")
    bare = {name: environment[name] for name in required}

    assert Settings.read(environment) == Settings.read(bare)


def test_a_deployment_can_give_new_items_more_places() -> None:
    assert Settings.read(environment_on_lambda({"Explore": "0.2"})).explore == 0.2


@pytest.mark.parametrize(("value", "meant"), [("true", True), ("false", False)])
def test_a_deployment_can_leave_out_seen_items(value: str, meant: bool) -> None:
    assert Settings.read(environment_on_lambda({"ExcludeSeen": value})).exclude_seen is meant


def test_settings_of_the_libraries_are_set(function: dict[str, Any]) -> None:
    assert LIBRARY_SETTINGS.items() <= function["Environment"]["Variables"].items()


def test_it_logs_in_to_a_serverless_cache_by_iam() -> None:
    url = Settings.read(environment_on_lambda({})).store_url

    assert (url.shape, url.tls, url.username, url.password) == ("cluster", True, "shop-recommend", None)
    assert (url.iam, url.serverless) == ("shop-sessions", True)
    assert url.addresses == (Address("shop-sessions.serverless.euc1.cache.amazonaws.com", 6379),)


def test_it_logs_in_to_nodes_by_iam() -> None:
    url = Settings.read(environment_on_lambda({"StoreKind": "nodes"})).store_url

    assert (url.shape, url.tls, url.username, url.password) == ("single", True, "shop-recommend", None)
    assert (url.iam, url.serverless, url.db) == ("shop-sessions", False, 0)
    assert url.addresses == (Address("master.shop-sessions.euc1.cache.amazonaws.com", 6379),)


def test_no_secret_is_in_its_configuration(function: dict[str, Any]) -> None:
    variables = function["Environment"]["Variables"]
    assert "{{resolve:" not in str(variables)
    assert variables["NEXTITEM_KEY_SECRET_ID"] == {"Ref": "KeySecret"}


def test_the_alias_live_serves_a_published_version(stack: Stack) -> None:
    alias = stack.only("AWS::Lambda::Alias")
    (version,) = stack.of_type("AWS::Lambda::Version")
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}


def test_its_memory_is_that_of_one_vcpu(stack: Stack) -> None:
    assert int(stack.values["MemorySize"]) == VCPU_MB
    assert f"| **{VCPU_MB:,}** |" in (ROOT / "docs" / "deploying.md").read_text()


def test_its_metrics_and_the_alarms_on_them_have_the_stacks_name(stack: Stack) -> None:
    name = {"Ref": "AWS::StackName"}
    assert stack.recommend[1]["Environment"]["Variables"]["NEXTITEM_STACK"] == name
    assert stack.only("AWS::CloudFormation::Stack")["Parameters"]["StackName"] == name


def test_reserved_concurrency_is_off_by_default(function: dict[str, Any]) -> None:
    assert "ReservedConcurrentExecutions" not in function
    assert deployed({"ReservedConcurrency": 0}).recommend[1]["ReservedConcurrentExecutions"] == "0"


def test_its_timeout_is_below_the_apis_and_requests_are_traced(stack: Stack) -> None:
    assert stack.recommend[1]["Timeout"] < 30
    for function in stack.of_type("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_every_function_has_time_for_an_init_that_lambda_repeats(stack: Stack) -> None:
    # After 10 s Lambda gives an init up, and repeats it within the first request's timeout:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    assert min(function["Timeout"] for function in stack.of_type("AWS::Lambda::Function").values()) >= 10


def test_lines_of_the_platform_stay_short(function: dict[str, Any]) -> None:
    assert function["LoggingConfig"]["LogFormat"] == "Text"

"""The recommend function: how it runs and what it is told."""

from typing import Any

import pytest

from model_export.cost.estimate import VCPU_MB
from nextitem.redis_client.url import Address
from nextitem.settings import Settings
from tests.template.combinations import COLD
from tests.template.stack import ROOT, Stack, Values, deployed

LIBRARY_SETTINGS = {"POWERTOOLS_SERVICE_NAME": "nextitem", "OPENBLAS_NUM_THREADS": "1"}
NOT_FOR_LAMBDA = {"NEXTITEM_KEY_SECRET"}
"""Settings that only devstack and tests use: a secret in a variable is a secret in plain."""
KNOWN_TO_AWS = {
    "${StoreUser}": "shop-recommend",
    "${ServerlessCache}": "shop-sessions",
    "${ServerlessCache.Endpoint.Address}": "shop-sessions.serverless.euc1.cache.amazonaws.com",
    "${ServerlessCache.Endpoint.Port}": "6379",
    "${NodeCache}": "shop-sessions",
    "${NodeCache.PrimaryEndPoint.Address}": "master.shop-sessions.euc1.cache.amazonaws.com",
    "${NodeCache.PrimaryEndPoint.Port}": "6379",
}
"""Stands for what CloudFormation fills in."""


class Noted(dict[str, str]):
    """An environment that notes which names are asked of it."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None, /) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def told(values: Values) -> dict[str, Any]:
    variables: dict[str, Any] = deployed(values).recommend[1]["Environment"]["Variables"]
    return variables


def as_lambda_has_it(values: Values) -> dict[str, str]:
    """The function's environment once CloudFormation knows names and addresses."""
    variables = told(values)
    url = variables["NEXTITEM_STORE_URL"]["Fn::Sub"]
    for name, value in KNOWN_TO_AWS.items():
        url = url.replace(name, value)
    return variables | {"NEXTITEM_STORE_URL": url, "NEXTITEM_BUCKET": "models", "NEXTITEM_KEY_SECRET_ID": "arn:secret"}


@pytest.fixture
def function(stack: Stack) -> dict[str, Any]:
    return stack.recommend[1]


def test_it_runs_on_the_runtime_that_the_build_compiles_for(stack: Stack) -> None:
    # GIVEN the functions WHEN their runtimes are read THEN they fit functions/Makefile
    assert {one["Runtime"] for one in stack.of_type("AWS::Lambda::Function").values()} == {"python3.13"}


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_every_function_runs_on_the_chosen_processor(architecture: str) -> None:
    # GIVEN a processor WHEN the functions are read THEN all are for it
    for function in deployed({"Architecture": architecture}).of_type("AWS::Lambda::Function").values():
        assert function["Architectures"] == [architecture]


@pytest.mark.parametrize("values", COLD.values(), ids=COLD)
def test_it_is_told_every_setting_that_the_code_reads_and_no_other(values: Values) -> None:
    # GIVEN the function's environment as Lambda will have it
    environment = Noted(as_lambda_has_it(values))

    # WHEN the settings are read
    Settings.read(environment)

    # THEN none is left to a default out of sight, and none is told that nobody reads
    read = {name for name in environment.asked if name.startswith("NEXTITEM_")} - NOT_FOR_LAMBDA
    assert set(environment) == read | LIBRARY_SETTINGS.keys()


def test_a_deployed_service_behaves_as_the_defaults_say() -> None:
    # GIVEN the function's environment, parameters at their defaults
    environment = as_lambda_has_it({})

    # WHEN read beside an environment that has only what is required
    required = ("NEXTITEM_BUCKET", "NEXTITEM_STORE_URL", "NEXTITEM_KEY_SECRET_ID")
    bare = {name: environment[name] for name in required}

    # THEN both mean the same
    assert Settings.read(environment) == Settings.read(bare)


def test_it_tells_the_libraries_their_settings(function: dict[str, Any]) -> None:
    # GIVEN the function's environment WHEN searched THEN Powertools and OpenBLAS find theirs
    assert LIBRARY_SETTINGS.items() <= function["Environment"]["Variables"].items()


def test_it_logs_in_to_a_serverless_cache_by_iam() -> None:
    # GIVEN the default store WHEN its URL is read as the function reads it
    url = Settings.read(as_lambda_has_it({})).store_url

    # THEN it is a Cluster over TLS, and the token is for that cache
    assert (url.shape, url.tls, url.username, url.password) == ("cluster", True, "shop-recommend", None)
    assert (url.iam, url.serverless) == ("shop-sessions", True)
    assert url.addresses == (Address("shop-sessions.serverless.euc1.cache.amazonaws.com", 6379),)


def test_it_logs_in_to_nodes_by_iam() -> None:
    # GIVEN nodes WHEN the store's URL is read as the function reads it
    url = Settings.read(as_lambda_has_it({"StoreKind": "nodes"})).store_url

    # THEN it is the primary over TLS, and the token is for that replication group
    assert (url.shape, url.tls, url.username, url.password) == ("single", True, "shop-recommend", None)
    assert (url.iam, url.serverless, url.db) == ("shop-sessions", False, 0)
    assert url.addresses == (Address("master.shop-sessions.euc1.cache.amazonaws.com", 6379),)


def test_no_secret_is_in_its_configuration(function: dict[str, Any]) -> None:
    # GIVEN the environment WHEN searched for values of secrets THEN there is but the secret's name
    variables = function["Environment"]["Variables"]
    assert "{{resolve:" not in str(variables)
    assert variables["NEXTITEM_KEY_SECRET_ID"] == {"Ref": "KeySecret"}


def test_the_alias_live_serves_a_published_version(stack: Stack) -> None:
    # GIVEN the alias and the version WHEN read THEN the alias is live and names the version
    alias = stack.only("AWS::Lambda::Alias")
    (version,) = stack.of_type("AWS::Lambda::Version")
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}


def test_its_memory_is_the_least_that_comes_with_a_whole_vcpu(stack: Stack) -> None:
    # GIVEN the default WHEN compared with what the guide measured as enough THEN it is that, and what is priced
    assert int(stack.values["MemorySize"]) == VCPU_MB
    assert f"| **{VCPU_MB:,}** |" in (ROOT / "docs" / "deploying.md").read_text()


def test_reserved_concurrency_is_off_until_asked_for(function: dict[str, Any]) -> None:
    # GIVEN the default and a limit WHEN the function is read THEN only the second has one
    assert "ReservedConcurrentExecutions" not in function
    assert deployed({"ReservedConcurrency": 0}).recommend[1]["ReservedConcurrentExecutions"] == "0"


def test_a_hanging_request_ends_within_the_apis_own_limit_and_is_traced(stack: Stack) -> None:
    # GIVEN the functions WHEN their limits are read THEN API Gateway (30 s) outwaits the one behind it
    assert stack.recommend[1]["Timeout"] < 30
    for function in stack.of_type("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_metrics_reach_cloudwatch_as_they_were_written(function: dict[str, Any]) -> None:
    # GIVEN metrics that are printed as JSON lines (EMF)
    # WHEN the function's log format is read THEN the runtime leaves the lines alone
    assert function["LoggingConfig"]["LogFormat"] == "Text"

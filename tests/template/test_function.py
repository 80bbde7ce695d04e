"""The recommend function: how it runs and what it is told."""

from typing import Any

import pytest

from nextitem.settings import Settings
from tests.template.stack import Stack, transformed_stack

LIBRARY_SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "nextitem",
    "POWERTOOLS_METRICS_NAMESPACE": "nextitem",
    "OPENBLAS_NUM_THREADS": "1",
}
DEPLOYED = {
    "NEXTITEM_BUCKET": "models",
    "NEXTITEM_STORE_URL": "rediss://store:6379/0",
    "NEXTITEM_KEY_SECRET": "x" * 64,
    "NEXTITEM_SESSION_TTL_SECONDS": "86400",
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


@pytest.fixture
def function(stack: Stack) -> dict[str, Any]:
    return stack.only("AWS::Lambda::Function")


def test_it_runs_the_handler_on_the_runtime_that_the_build_compiles_for(
    function: dict[str, Any],
) -> None:
    # GIVEN the function WHEN its code settings are read THEN they fit functions/Makefile
    assert function["Handler"] == "recommend.handler"
    assert function["Runtime"] == "python3.13"


def test_its_processor_is_a_parameter_that_defaults_to_x86_64(stack: Stack, function: dict[str, Any]) -> None:
    # GIVEN the function's architecture WHEN followed to its parameter
    (architecture,) = function["Architectures"]
    parameter = stack.parameters[architecture["Ref"]]

    # THEN both processors that the build knows are offered
    assert parameter["Default"] == "x86_64"
    assert set(parameter["AllowedValues"]) == {"x86_64", "arm64"}


def test_it_is_told_every_setting_that_the_code_reads(function: dict[str, Any]) -> None:
    # GIVEN the function's environment as Lambda will have it
    told = function["Environment"]["Variables"]
    environment = Noted({**told, **DEPLOYED})

    # WHEN the settings are read
    Settings.read(environment)

    # THEN none is left to a default out of sight, and none is told that nobody reads
    read = {name for name in environment.asked if name.startswith("NEXTITEM_")}
    assert {name for name in told if name.startswith("NEXTITEM_")} == read


def test_a_deployed_service_behaves_as_the_defaults_say(stack: Stack, function: dict[str, Any]) -> None:
    # GIVEN the function's environment, parameters at their defaults
    told = function["Environment"]["Variables"]
    ttl = stack.parameters[told["NEXTITEM_SESSION_TTL_SECONDS"]["Ref"]]["Default"]
    deployed = {**told, **DEPLOYED, "NEXTITEM_SESSION_TTL_SECONDS": str(ttl)}

    # WHEN read beside an environment that has only what is required
    bare = {name: DEPLOYED[name] for name in ("NEXTITEM_BUCKET", "NEXTITEM_STORE_URL", "NEXTITEM_KEY_SECRET")}

    # THEN both mean the same
    assert Settings.read(deployed) == Settings.read(bare)


def test_it_tells_the_libraries_their_settings(function: dict[str, Any]) -> None:
    # GIVEN the function's environment WHEN searched THEN Powertools and OpenBLAS find theirs
    told = function["Environment"]["Variables"]
    assert {name: value for name, value in told.items() if not name.startswith("NEXTITEM_")} == LIBRARY_SETTINGS


def test_it_reaches_the_store_by_tls(stack: Stack, function: dict[str, Any]) -> None:
    # GIVEN the store's address as the function is told it
    (store,) = stack.of_type("AWS::ElastiCache::ReplicationGroup")
    url = function["Environment"]["Variables"]["NEXTITEM_STORE_URL"]["Fn::Sub"]

    # WHEN read THEN it is the primary's, with TLS (rediss)
    assert url == f"rediss://${{{store}.PrimaryEndPoint.Address}}:${{{store}.PrimaryEndPoint.Port}}/0"


def test_its_key_secret_is_generated_and_never_written_in_the_template(stack: Stack, function: dict[str, Any]) -> None:
    # GIVEN the secret that the stack generates
    ((secret, properties),) = stack.of_type("AWS::SecretsManager::Secret").items()

    # WHEN the function's setting is read
    told = function["Environment"]["Variables"]["NEXTITEM_KEY_SECRET"]["Fn::Sub"]

    # THEN it is a reference to that secret, which is long and random
    assert told == f"{{{{resolve:secretsmanager:${{{secret}}}:SecretString}}}}"
    assert properties["GenerateSecretString"]["PasswordLength"] >= 32
    assert "SecretString" not in properties


def test_the_alias_live_serves_a_published_version(stack: Stack) -> None:
    # GIVEN the alias and the version
    alias = stack.only("AWS::Lambda::Alias")
    (version,) = stack.of_type("AWS::Lambda::Version")

    # WHEN read THEN the alias is live and names the version
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}


def test_a_changed_property_is_published_too(stack: Stack) -> None:
    # GIVEN the same code with one property changed
    def patient(source: dict[str, Any]) -> None:
        source["Resources"]["RecommendFunction"]["Properties"]["Timeout"] += 1

    # WHEN both are transformed
    changed = transformed_stack(patient)

    # THEN the alias moves to a new version: else it would go on as before
    assert set(changed.of_type("AWS::Lambda::Version")) != set(stack.of_type("AWS::Lambda::Version"))


def test_it_gives_up_before_a_shopper_does_and_is_traced(function: dict[str, Any]) -> None:
    # GIVEN the function WHEN its limits are read THEN a hanging request ends in seconds
    assert function["Timeout"] <= 5
    assert function["TracingConfig"] == {"Mode": "Active"}


def test_every_log_group_forgets_after_the_days_given(stack: Stack, function: dict[str, Any]) -> None:
    # GIVEN the stack's log groups
    groups = stack.of_type("AWS::Logs::LogGroup")

    # WHEN their retention is read THEN it is the parameter's, and the function writes to one of them
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    assert function["LoggingConfig"]["LogGroup"]["Ref"] in groups


def test_metrics_reach_cloudwatch_as_they_were_written(function: dict[str, Any]) -> None:
    # GIVEN metrics that are printed as JSON lines (EMF)
    # WHEN the function's log format is read THEN the runtime leaves the lines alone
    assert function["LoggingConfig"]["LogFormat"] == "Text"

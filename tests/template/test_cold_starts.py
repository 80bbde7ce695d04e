"""The four cold-start strategies."""

import pytest

from devstack.template.stack import ROOT, Stack, Values, deployed, listed, source
from tests.template.combinations import COLD

TARGET, POLICY = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"
ALIAS = "AWS::Lambda::Alias"


def test_without_a_strategy_idle_time_costs_nothing(stack: Stack) -> None:
    assert "ProvisionedConcurrencyConfig" not in stack.only(ALIAS)
    assert stack.recommend[1]["SnapStart"] == {"ApplyOn": "None"}
    assert stack.of_type(TARGET) == stack.of_type("AWS::Lambda::CapacityProvider") == {}


def test_provisioned_concurrency_follows_its_use() -> None:
    stack = deployed({"ColdStartStrategy": "provisioned", "ProvisionedMinimum": 3, "ProvisionedMaximum": 40})

    target, policy = stack.only(TARGET), stack.only(POLICY)
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]

    assert stack.only(ALIAS)["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": "3"}
    assert (target["MinCapacity"], target["MaxCapacity"]) == ("3", "40")
    assert target["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"
    assert target["ResourceId"] == {"Fn::Sub": "function:${AWS::StackName}-recommend:live"}
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"
    }
    assert tracking["TargetValue"] == "0.7"
    assert policy["ScalingTargetId"] == {"Ref": "WarmEnvironments"}
    assert "ScheduledActions" not in target


def test_a_schedule_raises_the_minimum_and_lowers_it_again() -> None:
    stack = deployed({"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10, "ScheduleTimezone": "Europe/Berlin"})
    begin, end = stack.only(TARGET)["ScheduledActions"]

    assert (begin["ScalableTargetAction"], end["ScalableTargetAction"]) == ({"MinCapacity": "10"}, {"MinCapacity": "2"})
    assert begin["Schedule"] != end["Schedule"]
    assert {begin["Timezone"], end["Timezone"]} == {"Europe/Berlin"}


def test_snapstart_applies_to_published_versions() -> None:
    stack = deployed({"ColdStartStrategy": "snapstart"})
    assert stack.recommend[1]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "ProvisionedConcurrencyConfig" not in stack.only(ALIAS)


def test_managed_instances_run_the_same_function_in_the_same_subnets() -> None:
    stack, plain = deployed({"ColdStartStrategy": "managed-instances", "Architecture": "arm64"}), deployed()
    (name, function), (_, other) = stack.recommend, plain.recommend
    provider = stack.only("AWS::Lambda::CapacityProvider")

    same = ["Code", "Handler", "Runtime", "Environment", "Role", "EphemeralStorage", "Timeout", "TracingConfig"]

    assert name == "ManagedRecommendFunction"
    assert {key: function[key] for key in same} == {key: other[key] for key in same}
    assert function["LoggingConfig"] == other["LoggingConfig"] | {"LogFormat": "JSON"}
    assert function["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"] == {
        "CapacityProviderArn": {"Fn::GetAtt": ["Instances", "Arn"]},
        "PerExecutionEnvironmentMaxConcurrency": "8",
        "ExecutionEnvironmentMemoryGiBPerVCpu": "4",
    }
    assert provider["VpcConfig"] == other["VpcConfig"]
    assert provider["InstanceRequirements"] == {"Architectures": ["arm64"]}
    assert function["Architectures"] == ["arm64"]


def test_managed_instances_reach_logs_and_traces_by_endpoints_of_their_own() -> None:
    endpoints = {
        strategy: {
            endpoint["ServiceName"]["Fn::Sub"].rpartition(".")[2]
            for endpoint in deployed(values).of_type("AWS::EC2::VPCEndpoint").values()
        }
        for strategy, values in COLD.items()
    }

    assert endpoints.pop("managed-instances") == {"s3", "secretsmanager", "logs", "xray"}
    assert set(map(frozenset, endpoints.values())) == {frozenset({"s3", "secretsmanager"})}


@pytest.mark.parametrize("values", COLD.values(), ids=COLD)
def test_a_version_that_no_alias_uses_is_deleted(values: Values) -> None:
    stack = deployed(values)
    (version,) = stack.of_type("AWS::Lambda::Version")
    assert stack.resources[version]["DeletionPolicy"] == "Delete"


def test_managed_instances_have_the_chosen_disk() -> None:
    stack = deployed({"ColdStartStrategy": "managed-instances", "EphemeralStorage": 4096})
    assert stack.recommend[1]["EphemeralStorage"] == {"Size": "4096"}


def test_managed_instances_can_use_the_key_of_their_volumes() -> None:
    # EBS's list: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    needed = {
        "CreateGrant",
        "Decrypt",
        "DescribeKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
    stack = deployed({"ColdStartStrategy": "managed-instances"})
    provider = stack.only("AWS::Lambda::CapacityProvider")
    role = stack.resources[provider["PermissionsConfig"]["CapacityProviderOperatorRoleArn"]["Fn::GetAtt"][0]]
    granted = [
        statement for policy in role["Properties"]["Policies"] for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert {action for statement in granted for action in listed(statement["Action"])} == {f"kms:{it}" for it in needed}
    assert {str(statement["Resource"]) for statement in granted} == {str(provider["KmsKeyArn"])}
    (lent,) = [statement for statement in granted if statement["Action"] == "kms:CreateGrant"]
    assert lent["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_lambda_can_take_the_role_of_the_instances_without_naming_the_account() -> None:
    trust = deployed({"ColdStartStrategy": "managed-instances"}).resources["InstancesRole"]["Properties"]
    (statement,) = trust["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_managed_instances_are_marked_as_experimental_where_one_chooses_them() -> None:
    description = source()["Parameters"]["ColdStartStrategy"]["Description"]
    page = (ROOT / "docs" / "deploying.md").read_text()

    assert "managed-instances (experimental)" in description
    assert "| `managed-instances` (experimental) |" in page


def test_what_a_promotion_needs_is_said_where_one_chooses_snapstart() -> None:
    # `make build RELEASE=...` publishes a version: test_code_parameters_and_note_change_the_release
    assert "promoted before the version was published" in source()["Parameters"]["ColdStartStrategy"]["Description"]
    assert (
        "make build RELEASE=any-new-text"
        in (ROOT / "docs" / "deploying.md").read_text().split("SnapStart and models")[1]
    )
    assert '"SnapStart and models"' in (ROOT / "samconfig.toml").read_text()


def test_names_differ_between_strategies_so_that_a_stack_can_switch() -> None:
    names = {str(deployed(values).recommend[1]["FunctionName"]) for values in COLD.values()}
    assert len(names) == 2

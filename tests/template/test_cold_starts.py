"""The four strategies against cold starts."""

from tests.template.combinations import COLD
from tests.template.stack import Stack, deployed

TARGET, POLICY = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"
ALIAS = "AWS::Lambda::Alias"


def test_without_a_strategy_nothing_is_paid_for_waiting(stack: Stack) -> None:
    # GIVEN the defaults WHEN searched for a strategy THEN there is none
    assert "ProvisionedConcurrencyConfig" not in stack.only(ALIAS)
    assert stack.recommend[1]["SnapStart"] == {"ApplyOn": "None"}
    assert stack.of_type(TARGET) == stack.of_type("AWS::Lambda::CapacityProvider") == {}


def test_provisioned_concurrency_follows_its_use() -> None:
    # GIVEN provisioned concurrency with figures of one's own
    stack = deployed({"ColdStartStrategy": "provisioned", "ProvisionedMinimum": 3, "ProvisionedMaximum": 40})

    # WHEN alias, target and policy are read
    target, policy = stack.only(TARGET), stack.only(POLICY)
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]

    # THEN the alias starts with the minimum and scales on utilisation, between the two
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


def test_a_schedule_raises_the_minimum_and_lets_it_down_again() -> None:
    # GIVEN busy hours WHEN the target's schedule is read
    stack = deployed({"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10, "ScheduleTimezone": "Europe/Berlin"})
    begin, end = stack.only(TARGET)["ScheduledActions"]

    # THEN it goes up and comes back, in that time zone
    assert (begin["ScalableTargetAction"], end["ScalableTargetAction"]) == ({"MinCapacity": "10"}, {"MinCapacity": "2"})
    assert begin["Schedule"] != end["Schedule"]
    assert {begin["Timezone"], end["Timezone"]} == {"Europe/Berlin"}


def test_snapstart_is_for_published_versions_alone() -> None:
    # GIVEN SnapStart WHEN the function is read THEN versions have snapshots and nothing is provisioned
    stack = deployed({"ColdStartStrategy": "snapstart"})
    assert stack.recommend[1]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "ProvisionedConcurrencyConfig" not in stack.only(ALIAS)


def test_managed_instances_run_the_same_function_in_the_same_subnets() -> None:
    # GIVEN managed instances, and the stack without
    stack, plain = deployed({"ColdStartStrategy": "managed-instances", "Architecture": "arm64"}), deployed()
    (name, function), (_, other) = stack.recommend, plain.recommend
    provider = stack.only("AWS::Lambda::CapacityProvider")

    # WHEN both functions are read
    same = ["Code", "Handler", "Runtime", "Environment", "Role", "LoggingConfig", "Timeout", "TracingConfig"]

    # THEN they are one program, and the instances stand where the function stood
    assert name == "ManagedRecommendFunction"
    assert {key: function[key] for key in same} == {key: other[key] for key in same}
    assert function["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"] == {
        "CapacityProviderArn": {"Fn::GetAtt": ["Instances", "Arn"]},
        "PerExecutionEnvironmentMaxConcurrency": "8",
        "ExecutionEnvironmentMemoryGiBPerVCpu": "4",
    }
    assert provider["VpcConfig"] == other["VpcConfig"]
    assert provider["InstanceRequirements"] == {"Architectures": ["arm64"]}
    assert function["Architectures"] == ["arm64"]


def test_managed_instances_reach_logs_and_traces_by_endpoints_of_their_own() -> None:
    # GIVEN each strategy WHEN its endpoints are listed
    endpoints = {
        strategy: {
            one["ServiceName"]["Fn::Sub"].rpartition(".")[2]
            for one in deployed(values).of_type("AWS::EC2::VPCEndpoint").values()
        }
        for strategy, values in COLD.items()
    }

    # THEN only instances of our own subnets pay for more than S3 and the secret
    assert endpoints.pop("managed-instances") == {"s3", "secretsmanager", "logs", "xray"}
    assert set(map(frozenset, endpoints.values())) == {frozenset({"s3", "secretsmanager"})}


def test_the_strategies_names_differ_so_that_a_stack_can_change_over() -> None:
    # GIVEN both forms of the function WHEN named THEN one can be made before the other is gone
    names = {str(deployed(values).recommend[1]["FunctionName"]) for values in COLD.values()}
    assert len(names) == 2

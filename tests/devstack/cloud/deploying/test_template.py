"""The whole template, under every strategy against cold starts and with every kind of store."""

import re

import pytest

from devstack.cloud.deploying.inventory import inventory
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete, deploy
from devstack.template.resolver import references
from devstack.template.stack import deployed
from tests.template.combinations import AUTH, COLD, MORE, STORE

pytestmark = pytest.mark.slow

ARN = r"arn:aws:{}:eu-central-1:\d{{12}}:{}"
NAMES = {
    ("named", "ModelBucket", ""): r"named-modelbucket-[a-z0-9]{12}",
    ("named", "ModelBucket", "Arn"): r"arn:aws:s3:::named-modelbucket-[a-z0-9]{12}",
    ("named", "RecommendFunction", ""): "named-recommend",
    ("named", "RecommendFunction", "Arn"): ARN.format("lambda", "function:named-recommend"),
    ("named", "RecommendFunctionAliaslive", ""): ARN.format("lambda", "function:named-recommend:live"),
    ("named", "KeySecret", ""): ARN.format("secretsmanager", r"secret:KeySecret-\w{12}-\w{6}"),
    ("named", "ServerlessCache", ""): "named-sessions",
    ("named", "ServerlessCache", "ARN"): ARN.format("elasticache", "serverlesscache:named-sessions"),
    ("named", "ServerlessCache", "Endpoint.Address"): (
        r"named-sessions-\w{6}\.serverless\.euc1\.cache\.amazonaws\.com"
    ),
    ("named", "ServerlessCache", "Endpoint.Port"): "6379",
    ("named", "StoreUser", ""): "named-recommend",
    ("named", "StoreUser", "Arn"): ARN.format("elasticache", "user:named-recommend"),
    ("named", "SecretsManagerEndpoint", ""): r"vpce-[0-9a-f]+",
    ("named", "RecommendRole", ""): r"named-RecommendRole-\w{12}",
    ("named", "RecommendRole", "Arn"): r"arn:aws:iam::\d{12}:role/named-RecommendRole-\w{12}",
    ("named", "PublisherPolicy", ""): r"arn:aws:iam::\d{12}:policy/named-PublisherPolicy-\w{12}",
    ("named", "RecommendLogs", ""): "/aws/lambda/named-recommend",
    ("named", "RecommendLogs", "Arn"): ARN.format("logs", r"log-group:/aws/lambda/named-recommend:\*"),
    ("named", "ServerlessDeploymentApplication", ""): r"named-ServerlessDeploymentApplication-\w{12}",
    ("named", "WarmEnvironments", ""): (
        r"function:named-recommend:live\|lambda:function:ProvisionedConcurrency\|lambda"
    ),
    ("named", "HttpApi", ""): r"\w{8,10}",
    ("named", "HttpApi", "ApiEndpoint"): r"https://\w+\.execute-api\.eu-central-1\.amazonaws\.com",
    ("named", "Monitoring", ""): ARN.format("cloudformation", r"stack/named-Monitoring-\w{12}/[-0-9a-f]{36}"),
    ("other", "NodeCache", ""): "other-sessions",
    ("other", "NodeCache", "PrimaryEndPoint.Address"): r"master\.other-sessions\.\w{6}\.euc1\.cache\.amazonaws\.com",
    ("other", "NodeCache", "PrimaryEndPoint.Port"): "6379",
    ("other", "NodeSubnets", ""): r"other-nodesubnets-[a-z0-9]{12}",
    ("other", "Instances", ""): r"other-Instances-\w{12}",
    ("other", "Instances", "Arn"): ARN.format("lambda", r"capacity-provider:other-Instances-\w{12}"),
}
"""The forms of physical ids and attributes, by stack, logical id and attribute; no attribute for the physical id."""
RETAINED = {"ModelBucket", "ModelBucketPolicy", "Key"}


@pytest.mark.parametrize("store", STORE)
@pytest.mark.parametrize("cold", COLD)
def test_a_stack_is_created_and_deleted(site: Site, stack_name: str, cold: str, store: str) -> None:
    # GIVEN the template with every option that adds resources
    values = {**COLD[cold], **STORE[store], **AUTH["token"], **MORE["domain-learning"], "PageEmail": "ops@example.com"}
    stack = deployed(values)
    before = inventory(site)

    # WHEN it is deployed
    deployment = deploy(site, stack, stack_name)

    # THEN every resource exists, with concrete properties, after what it depends on
    assert deployment.resources.keys() == stack.resources.keys()
    nested = deployment.nested["Monitoring"]
    for part in (deployment, nested):
        seen: set[str] = set()
        for resource in part.resources.values():
            assert list(references(resource.properties)) == []
            assert "Fn::" not in str(resource.properties)
            assert "${AWS" not in str(resource.properties)
            assert resource.physical_id
            assert set(resource.depends_on) <= seen
            seen.add(resource.logical_id)
    assert "PageTopicMail" in nested.resources
    assert deployment.outputs["PageTopicArn"] == nested.resources["PageTopic"].physical_id

    # WHEN it is deleted
    retained = delete(site, deployment)

    # THEN nothing is left but what the template retains
    assert {resource.logical_id for resource in retained} == RETAINED
    (bucket,), (key,) = (
        [found for found in retained if found.type == kind] for kind in ("AWS::S3::Bucket", "AWS::KMS::Key")
    )
    kept = {(resource.type, resource.physical_id) for resource in retained}
    after = inventory(site)
    assert after - before == kept | {("s3", bucket.physical_id), ("kms", key.physical_id)}
    assert before <= after


def test_names_and_attributes_are_like_those_of_cloudformation(site: Site) -> None:
    # GIVEN two stacks, with the options that change names
    stacks = {
        "named": deploy(site, deployed({**COLD["provisioned"], **AUTH["token"]}), "named"),
        "other": deploy(site, deployed({**COLD["managed-instances"], **STORE["nodes"]}), "other"),
    }

    # THEN physical ids and attributes have the form that AWS documents
    for (stack_name, logical_id, attribute), pattern in NAMES.items():
        resource = stacks[stack_name].resources[logical_id]
        value = resource.attributes[attribute] if attribute else resource.physical_id
        assert re.fullmatch(pattern, value), (logical_id, attribute, value)
    (version,) = stacks["named"].of_type("AWS::Lambda::Version")
    assert version.physical_id.endswith(":function:named-recommend:1")
    assert version.attributes["Version"] == "1"
    for deployment in stacks.values():
        delete(site, deployment)


def test_services_have_what_the_template_says(site: Site, stack_name: str) -> None:
    # GIVEN a deployed stack
    deployment = deploy(site, deployed(), stack_name)
    resources = deployment.resources

    # THEN the services show it
    function = site.clients.call("lambda", "GetFunction", FunctionName=f"{stack_name}-recommend", Qualifier="live")
    configuration = function["Configuration"]
    assert configuration["Version"] == "1"
    assert configuration["Role"] == resources["RecommendRole"].attributes["Arn"]
    assert configuration["Environment"]["Variables"]["NEXTITEM_BUCKET"] == resources["ModelBucket"].physical_id
    bucket = {"Bucket": resources["ModelBucket"].physical_id}
    assert site.clients.call("s3", "GetBucketVersioning", **bucket)["Status"] == "Enabled"
    rules = site.clients.call("s3", "GetBucketLifecycleConfiguration", **bucket)["Rules"]
    assert {rule["ID"] for rule in rules} == {"forget-unfinished-uploads", "forget-what-was-replaced-or-deleted"}
    group = resources["FunctionSecurityGroup"].physical_id
    (found,) = site.clients.call("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"]
    assert sorted(rule["FromPort"] for rule in found["IpPermissionsEgress"]) == [443, 6379]
    secret = site.clients.call("secretsmanager", "GetSecretValue", SecretId=resources["KeySecret"].physical_id)
    assert re.fullmatch(r'{"current": "[A-Za-z0-9]{64}"}', secret["SecretString"])
    alarm = resources["Monitoring"].attributes["Outputs.RollbackSlowAlarmName"]
    assert site.clients.call("cloudwatch", "DescribeAlarms", AlarmNames=[alarm])["MetricAlarms"]

    # AND the authority knows the roles
    role = resources["RecommendRole"].attributes["Arn"]
    credentials = site.authority.assume(role, "test", by="lambda.amazonaws.com")
    sids = {statement.sid for statement in site.authority.principal_of(credentials.access_key_id).statements}
    assert "ReadModels" in sids
    delete(site, deployment)

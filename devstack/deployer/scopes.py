"""What a deployer may act on: the names that a stack gives its resources, and actions that it does not need.

``${StackName}`` and ``${ArtifactBucket}`` are parameters of the written template.
"""

REGIONAL = "${AWS::Region}:${AWS::AccountId}"

NAMED: dict[str, dict[str, tuple[str, ...]]] = {
    "apigateway": dict.fromkeys(
        ("api", "apis", "domainname", "domainnames", "tags"),
        # API Gateway chooses the ids of APIs. Everything of an API is below its path.
        tuple(f"apigateway:${{AWS::Region}}::/{path}" for path in ("apis", "apis/*", "domainnames*", "tags/*")),
    ),
    "cloudformation": {
        "stack": (
            f"cloudformation:{REGIONAL}:stack/${{StackName}}/*",
            f"cloudformation:{REGIONAL}:stack/${{StackName}}-Monitoring-*",
        ),
    },
    "cloudwatch": {
        # Application Auto Scaling makes alarms with names of its own.
        "alarm": (
            f"cloudwatch:{REGIONAL}:alarm:${{StackName}}-*",
            f"cloudwatch:{REGIONAL}:alarm:TargetTracking-function:${{StackName}}-*",
        ),
        "dashboard": ("cloudwatch::${AWS::AccountId}:dashboard/${StackName}-*",),
    },
    "codedeploy": {
        "application": (f"codedeploy:{REGIONAL}:application:${{StackName}}-*",),
        "deploymentgroup": (f"codedeploy:{REGIONAL}:deploymentgroup:${{StackName}}-*",),
        "deploymentconfig": (f"codedeploy:{REGIONAL}:deploymentconfig:CodeDeployDefault.*",),
    },
    "elasticache": {
        "parametergroup": (f"elasticache:{REGIONAL}:parametergroup:default.*",),
        **{
            kind: (f"elasticache:{REGIONAL}:{kind}:${{StackName}}-*",)
            for kind in ("cluster", "replicationgroup", "serverlesscache", "subnetgroup", "user", "usergroup")
        },
    },
    "events": {"rule-on-default-event-bus": (f"events:{REGIONAL}:rule/${{StackName}}-*",)},
    "iam": {
        "role": ("iam::${AWS::AccountId}:role/${StackName}-*",),
        "policy": ("iam::${AWS::AccountId}:policy/${StackName}-*",),
    },
    "lambda": {
        **dict.fromkeys(
            ("function", "function alias", "function version"), (f"lambda:{REGIONAL}:function:${{StackName}}-*",)
        ),
        # AWS does not document the name that CloudFormation gives it.
        "capacityprovider": (f"lambda:{REGIONAL}:capacity-provider:*",),
    },
    "logs": {
        "log-group": (
            f"logs:{REGIONAL}:log-group:/aws/lambda/${{StackName}}-*",
            f"logs:{REGIONAL}:log-group:/aws/vendedlogs/${{StackName}}-*",
        ),
    },
    "s3": {
        "bucket": ("s3:::${StackName}-modelbucket-*",),
        "object": ("s3:::${ArtifactBucket}/*",),
    },
    # CloudFormation names a secret after its logical id, without the stack's name.
    "secretsmanager": {"secret": (f"secretsmanager:{REGIONAL}:secret:KeySecret-*",)},
    "states": {"statemachine": (f"states:{REGIONAL}:stateMachine:${{StackName}}-*",)},
    "sns": {"topic": (f"sns:{REGIONAL}:${{StackName}}-*",)},
}
"""ARNs (after the partition) of a stack's resources, by service and kind of resource.

A kind that is missing is not limited: AWS chooses its ids (VPC, keys, scalable targets).
"""

UNUSED_SERVICES = {
    "elasticfilesystem": "functions without a file system",
    "firehose": "logs stay in CloudWatch",
    "s3files": "functions without a file system",
    "s3tables": "no metadata tables",
    "vpc-lattice": "no endpoints of service networks",
    "vpce": "no endpoints across regions",
}
"""Services that handlers call for properties that the templates do not have."""

UNUSED = {
    **dict.fromkeys(("s3:DeleteObject", "s3:PutObjectAcl"), "CloudFormation creates no objects"),
    **dict.fromkeys(("s3:GetObject", "s3:GetObjectVersion"), "granted as code of functions, below"),
    **dict.fromkeys(
        ("iam:AttachGroupPolicy", "iam:DetachGroupPolicy", "iam:AttachUserPolicy", "iam:DetachUserPolicy"),
        "the stack's policies are attached to roles by hand; this would let a deployer give itself rights",
    ),
    **dict.fromkeys(
        ("iam:PassRole", "iam:CreateServiceLinkedRole", "iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        "granted with a condition, below",
    ),
    "codedeploy:RegisterOnPremisesInstance": "functions only, no servers",
    **dict.fromkeys(("logs:CreateLogStream", "logs:PutLogEvents"), "the store writes no logs"),
    "lambda:GetLayerVersion": "functions without layers",
    "lambda:GetCodeSigningConfig": "functions without code signing",
    **dict.fromkeys(
        ("s3:CreateBucketMetadataTableConfiguration", "s3:DeleteBucketMetadataTableConfiguration"), "no metadata tables"
    ),
    **dict.fromkeys(
        (f"s3:UpdateBucketMetadata{kind}TableConfiguration" for kind in ("Annotation", "Inventory", "Journal")),
        "no metadata tables",
    ),
}
"""Actions of handlers that are not granted, with the reason."""

ADDED = {
    # An API's access log: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    "AWS::ApiGatewayV2::Stage": {
        f"logs:{action}"
        for action in (
            *("CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "ListLogDeliveries", "UpdateLogDelivery"),
            *("DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy"),
        )
    },
    # Fn::GetAZs chooses the zones of subnets:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getavailabilityzones.html
    "AWS::EC2::Subnet": {"ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"},
    # The secret is encrypted under the stack's key:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    "AWS::SecretsManager::Secret": {"kms:Decrypt", "kms:GenerateDataKey"},
}
"""Actions that AWS documents for a type, and its schema does not list."""

SERVICE_LINKED = {
    "AWS::ApiGatewayV2::DomainName": "ops.apigateway.amazonaws.com",
    "AWS::ApplicationAutoScaling::ScalableTarget": "lambda.application-autoscaling.amazonaws.com",
    "AWS::ElastiCache::ReplicationGroup": "elasticache.amazonaws.com",
    "AWS::ElastiCache::ServerlessCache": "elasticache.amazonaws.com",
    "AWS::Lambda::CapacityProvider": "lambda.amazonaws.com",
}
"""Types whose service makes a role of its own with the first resource of an account."""

STACK_ACTIONS = tuple(
    f"cloudformation:{action}"
    for action in (
        *("CancelUpdateStack", "ContinueUpdateRollback", "CreateChangeSet", "DeleteChangeSet", "DeleteStack"),
        *("DescribeChangeSet", "DescribeStackEvents", "DescribeStackResource", "DescribeStackResources"),
        *("DescribeStacks", "ExecuteChangeSet", "GetTemplate", "ListChangeSets", "ListStackResources", "RollbackStack"),
    )
)
"""What `sam deploy`, `sam delete` and `aws cloudformation deploy` call for a stack."""

"""A hand-made deployment behind a door: a bucket of models, another bucket, a key, a secret and two VPC endpoints."""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from devstack.cloud.account import Account
from devstack.cloud.aws_door.door import AwsDoor
from devstack.cloud.aws_door.services import HookRefused
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.resources import Deployment, Resource
from devstack.lambda_runtime.invocation import Outcome
from devstack.processes.children import LOOPBACK
from devstack.processes.listener import listen

ACCOUNT = Account()
REGION = ACCOUNT.region
BUCKET, OTHER_BUCKET = "shop-models", "shop-other"
KEY_ID = "11111111-2222-3333-4444-555555555555"
KEY_ARN = ACCOUNT.arn("kms", f"key/{KEY_ID}")
MODELS = f"arn:aws:s3:::{BUCKET}"
FUNCTION = ACCOUNT.arn("lambda", "function:shop-recommend")
GROUP = ACCOUNT.arn("codedeploy", "deploymentgroup:shop-application/shop-group")
DEPLOYMENT = "d-ABCDEF123"
LOG_GROUP = "/aws/lambda/shop-recommend"
SECRET_TEXT = json.dumps({"current": "0123456789abcdef"})
VIA_S3 = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
VIA_SECRETS = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT.iam_arn("root")},
        "Action": "sts:AssumeRole",
    },
}


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}


def allow(actions: str | list[str], resource: str | list[str], sid: str = "", **rest: Any) -> dict[str, Any]:
    """Return a statement that allows actions; `rest` may have a Condition or a Principal."""
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **({"Sid": sid} if sid else {}), **rest}


ENCRYPTION = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_ARN}
DECRYPT = allow("kms:Decrypt", KEY_ARN, "Decrypt", Condition=VIA_S3)
ENCRYPT = allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY_ARN, "Encrypt", Condition=VIA_S3)
READ = allow("s3:GetObject", f"{MODELS}/*", "Read")
LIST = allow("s3:ListBucket", MODELS, "List")


class Services:
    """Lambda and CodeDeploy: answers that a test sets, and the reports that came."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.reports: list[tuple[str, str, str]] = []

    def invoke(self, function_arn: str, payload: bytes) -> Outcome:
        outcome = self.outcomes[function_arn]
        return Outcome(outcome.payload.replace(b"PAYLOAD", payload), outcome.failed)

    def deployment_group(self, deployment_id: str) -> str:
        return {DEPLOYMENT: GROUP}[deployment_id]

    def report_hook(self, deployment_id: str, execution_id: str, status: str) -> None:
        if any(execution == execution_id for _, execution, _ in self.reports):
            raise HookRefused("LifecycleEventAlreadyCompletedException", "The event has a result already")
        self.reports.append((deployment_id, execution_id, status))


class SmallCloud:
    """The deployment and its door, inside its ``with`` block.

    Attributes:
        in_vpc: whether clients connect through the VPC endpoints.
        trusted: file with the certificate that clients must trust.
    """

    def __init__(self, moto_endpoint: str, secret_arn: str, folder: Path) -> None:
        self.secret_arn = secret_arn
        self.deployment = Deployment("shop", ACCOUNT, {}, _resources(secret_arn))
        self.authority = Authority(ACCOUNT)
        self.services = Services()
        self.door = AwsDoor(self.deployment, self.authority, moto_endpoint, self.services)
        self.in_vpc = False
        certificates = CertificateAuthority()
        self.trusted = folder / "trusted.pem"
        self.trusted.write_text(certificates.pem)
        names = [f"*.{REGION}.amazonaws.com", f"*.s3.{REGION}.amazonaws.com"]
        self._tls = certificates.server_context(names, folder)
        self._ports: dict[str | None, int] = {}
        self._roles = 0
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self._exit.enter_context(self.door)
        for via in (None, "S3Endpoint", "SecretsManagerEndpoint"):
            listening = listen()
            self._ports[via] = int(listening.getsockname()[1])
            self.door.open(listening, tls=self._tls, via=via)
        plain = listen()
        self._plain_port = int(plain.getsockname()[1])
        self.door.open(plain, tls=None, via=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def port_of(self, host: str, port: int = 443) -> int:
        """Return where a name of AWS leads to."""
        if port != 443:
            return self._plain_port
        if not self.in_vpc:
            return self._ports[None]
        return self._ports["S3Endpoint" if ".s3." in f".{host}" else "SecretsManagerEndpoint"]

    def address_info(self, host: str | None, port: Any, *arguments: Any, **options: Any) -> Any:
        """Replace `socket.getaddrinfo`."""
        if host and host.endswith(".amazonaws.com"):
            target = (LOOPBACK, self.port_of(host, int(port)))
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target)]
        return _ADDRESS_INFO(host, port, *arguments, **options)

    def role(self, *statements: Mapping[str, Any], account: str = ACCOUNT.id) -> Credentials:
        """Return credentials of a new role with one policy."""
        self._roles += 1
        arn = f"arn:aws:iam::{account}:role/role{self._roles}"
        policies = {"policy": document(*statements)} if statements else {}
        self.authority.put_role(arn, TRUST, policies)
        return self.authority.assume(arn, "session", by=ACCOUNT.iam_arn("root"))

    def client(self, service: str, credentials: Credentials, *, token: str | None = None, secure: bool = True) -> Any:
        """Return a boto3 client, which the cloud closes."""
        client: Any = boto3.client(  # type: ignore[call-overload] # no literal
            service,
            region_name=REGION,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=token or credentials.session_token,
            verify=str(self.trusted),
            use_ssl=secure,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        self._exit.callback(client.close)
        return client

    def change(self, logical_id: str, **properties: Any) -> None:
        """Change properties of a resource; None removes one."""
        before = self.deployment.resources[logical_id]
        merged = {**before.properties, **properties}
        self.deployment.resources[logical_id] = Resource(
            logical_id,
            before.type,
            {name: value for name, value in merged.items() if value is not None},
            before.physical_id,
            before.attributes,
        )


_ADDRESS_INFO = socket.getaddrinfo


_RULES = [{"ServerSideEncryptionByDefault": ENCRYPTION, "BucketKeyEnabled": True}]


def _resources(secret_arn: str) -> dict[str, Resource]:
    own_account = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT.id}}
    resources = [
        Resource(
            "Key",
            "AWS::KMS::Key",
            {"KeyPolicy": document(allow("kms:*", "*", "Owned", Principal={"AWS": ACCOUNT.iam_arn("root")}))},
            KEY_ID,
            {"Arn": KEY_ARN},
        ),
        Resource(
            "ModelBucket",
            "AWS::S3::Bucket",
            {"BucketEncryption": {"ServerSideEncryptionConfiguration": _RULES}},
            BUCKET,
        ),
        Resource("OtherBucket", "AWS::S3::Bucket", {}, OTHER_BUCKET),
        Resource(
            "ModelBucketPolicy",
            "AWS::S3::BucketPolicy",
            {"Bucket": BUCKET, "PolicyDocument": document(REFUSE_PLAIN)},
            "policy",
        ),
        Resource("KeySecret", "AWS::SecretsManager::Secret", {"KmsKeyId": KEY_ARN}, secret_arn),
        Resource(
            "S3Endpoint",
            "AWS::EC2::VPCEndpoint",
            {
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "VpcId": "vpc-1",
                "PolicyDocument": document(
                    allow(
                        ["s3:GetObject", "s3:ListBucket"],
                        [MODELS, f"{MODELS}/*"],
                        "Models",
                        Principal="*",
                        Condition=own_account,
                    )
                ),
            },
            "vpce-1",
        ),
        Resource(
            "SecretsManagerEndpoint",
            "AWS::EC2::VPCEndpoint",
            {
                "ServiceName": f"com.amazonaws.{REGION}.secretsmanager",
                "VpcId": "vpc-1",
                "PolicyDocument": document(allow("secretsmanager:GetSecretValue", secret_arn, "Secret", Principal="*")),
            },
            "vpce-2",
        ),
        Resource("RecommendFunction", "AWS::Lambda::Function", {}, "shop-recommend", {"Arn": FUNCTION}),
    ]
    return {resource.logical_id: resource for resource in resources}


REFUSE_PLAIN = {
    "Sid": "RefusePlain",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [MODELS, f"{MODELS}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}

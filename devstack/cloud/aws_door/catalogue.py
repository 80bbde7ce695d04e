"""Find a deployment's resources by the names that requests give them."""

from collections.abc import Iterator
from typing import Any

from devstack.cloud.resources import Deployment, Resource

_SECRET_SUFFIX = "-??????"  # noqa: S105 - no secret: it stands for six random characters
_SUFFIX_CHARS = len(_SECRET_SUFFIX)


class Catalogue:
    """The resources of a deployment and of the deployments nested in it, as they are at each call."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.account = deployment.account

    def of_type(self, resource_type: str) -> Iterator[Resource]:
        """Yield every resource of a type."""
        yield from _of_type(self._deployment, resource_type)

    def resource(self, logical_id: str) -> Resource:
        """Return a resource of the outer stack.

        Raises:
            KeyError: there is none.
        """
        return self._deployment.resources[logical_id]

    def bucket(self, name: str) -> Resource | None:
        """Return a bucket by its name."""
        return _first(bucket for bucket in self.of_type("AWS::S3::Bucket") if bucket.physical_id == name)

    def bucket_key(self, bucket: Resource) -> str | None:
        """Return the KMS key id of a bucket's default encryption, or None if it uses none."""
        for rule in _encryption_rules(bucket):
            default = rule.get("ServerSideEncryptionByDefault", {})
            if default.get("SSEAlgorithm") in {"aws:kms", "aws:kms:dsse"}:
                return str(default["KMSMasterKeyID"]) if "KMSMasterKeyID" in default else None
        return None

    def has_bucket_key(self, bucket: Resource) -> bool:
        """Return whether a bucket's objects are encrypted under a key of the bucket, which KMS makes."""
        return any(rule.get("BucketKeyEnabled") for rule in _encryption_rules(bucket))

    def key(self, key_id: str) -> Resource | None:
        """Return a KMS key by its id or ARN."""
        identifier = key_id.rpartition("key/")[2]
        return _first(key for key in self.of_type("AWS::KMS::Key") if key.physical_id == identifier)

    def secret(self, secret_id: str) -> Resource | None:
        """Return a secret by its ARN, complete or without the six characters at its end, or by its name."""
        return _first(
            secret
            for secret in self.of_type("AWS::SecretsManager::Secret")
            if secret_id in {secret.physical_id, secret.physical_id[:-_SUFFIX_CHARS], secret_name(secret)}
        )

    def function(self, name: str, qualifier: str | None) -> tuple[Resource | None, str]:
        """Find a function.

        Args:
            name: a function's name, or its complete or partial ARN, with or without a qualifier.
            qualifier: a version or alias, where the name has none.

        Returns:
            The function, or None if there is none, and the ARN with the qualifier.
        """
        rest = name.rpartition("function:")[2]
        base, _, own = rest.partition(":")
        qualifier = own or qualifier
        arn = self.account.arn("lambda", f"function:{base}{f':{qualifier}' if qualifier else ''}")
        return _first(item for item in self.of_type("AWS::Lambda::Function") if item.physical_id == base), arn


def _encryption_rules(bucket: Resource) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = bucket.properties.get("BucketEncryption", {}).get(
        "ServerSideEncryptionConfiguration", []
    )
    return rules


def secret_name(secret: Resource) -> str:
    """Return a secret's name: its ARN has it between ``secret:`` and six random characters."""
    return secret.physical_id.rpartition(":secret:")[2][:-_SUFFIX_CHARS]


def _of_type(deployment: Deployment, resource_type: str) -> Iterator[Resource]:
    yield from deployment.of_type(resource_type)
    for nested in deployment.nested.values():
        yield from _of_type(nested, resource_type)


def _first(resources: Iterator[Resource]) -> Resource | None:
    return next(resources, None)

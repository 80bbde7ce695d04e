"""KMS keys, and secrets with their rotation."""

import json

from devstack.cloud.deploying.documents import key_policy
from devstack.cloud.deploying.resource_type import (
    Created,
    Declared,
    ResourceType,
    Site,
    kept,
    names,
    only,
    random_text,
)
from devstack.cloud.resources import Resource


def _create_key(site: Site, declared: Declared) -> Created:
    policy = key_policy(declared.properties["KeyPolicy"], site.account)
    key = site.clients.call(
        "kms", "CreateKey", Policy=policy,
        **declared.only("Description", "KeySpec", "KeyUsage", "MultiRegion", "Tags"),
    )["KeyMetadata"]  # fmt: skip
    return Created(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _rotate_key(site: Site, key: Resource) -> None:
    enabled = str(key.properties.get("EnableKeyRotation", False)).lower() == "true"
    site.clients.call("kms", "EnableKeyRotation" if enabled else "DisableKeyRotation", KeyId=key.physical_id)


def _update_key(site: Site, resource: Resource, declared: Declared) -> Created:
    key = resource.physical_id
    policy = key_policy(declared.properties["KeyPolicy"], site.account)
    site.clients.call("kms", "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
    description = declared.properties.get("Description", "")
    site.clients.call("kms", "UpdateKeyDescription", KeyId=key, Description=description)
    return Created(key, resource.attributes)


def _delete_key(site: Site, resource: Resource) -> None:
    """Schedule the deletion: KMS deletes no key at once."""
    days = {name: value for name, value in resource.properties.items() if name == "PendingWindowInDays"}
    site.clients.call("kms", "ScheduleKeyDeletion", KeyId=resource.physical_id, **days)


def _create_secret(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("Name") or f"{declared.logical_id}-{random_text(12)}"
    value = declared.only("SecretString")
    if generated := dict(declared.properties.get("GenerateSecretString", {})):
        value = {"SecretString": _generated(site, generated)}
    arn = site.clients.call(
        "secretsmanager", "CreateSecret", Name=name, **value, **declared.only("Description", "KmsKeyId", "Tags")
    )["ARN"]
    return Created(arn, {"Id": arn})


def _generated(site: Site, settings: dict[str, object]) -> str:
    """Return a generated secret as CloudFormation's handler makes it: a random value inside a JSON template."""
    template, key = settings.pop("SecretStringTemplate", None), settings.pop("GenerateStringKey", None)
    if (template is None) != (key is None):
        raise ValueError("GenerateSecretString needs both or none of SecretStringTemplate and GenerateStringKey")
    password: str = site.clients.call("secretsmanager", "GetRandomPassword", **settings)["RandomPassword"]
    return json.dumps(json.loads(str(template)) | {str(key): password}) if template is not None else password


def _update_secret(site: Site, resource: Resource, declared: Declared) -> Created:
    if declared.properties.get("GenerateSecretString") != resource.properties.get("GenerateSecretString"):
        raise ValueError("a change of GenerateSecretString makes a new secret value; this is not modelled")
    changes = declared.only("Description", "KmsKeyId")
    site.clients.call("secretsmanager", "UpdateSecret", SecretId=resource.physical_id, **changes)
    return Created(resource.physical_id, resource.attributes)


def _delete_secret(site: Site, resource: Resource) -> None:
    site.clients.call("secretsmanager", "DeleteSecret", SecretId=resource.physical_id, ForceDeleteWithoutRecovery=True)


def _create_rotation(_site: Site, declared: Declared) -> Created:
    secret = declared.properties["SecretId"]
    return Created(secret, {"Id": secret})


def _check_rotation(site: Site, resource: Resource) -> None:
    """Check the call only: moto would run the function in Docker, and leave a pending version behind."""
    properties = resource.properties
    # CloudFormation's names differ in one letter and one word
    site.clients.check(
        "secretsmanager", "RotateSecret", RotateImmediately=properties.get("RotateImmediatelyOnUpdate", True),
        **only(properties, "SecretId", "RotationLambdaARN", "RotationRules"),
    )  # fmt: skip
    function, secret = properties["RotationLambdaARN"], properties["SecretId"]
    site.clients.call("lambda", "GetFunction", FunctionName=function)
    if not any(
        permission.properties["Principal"] == "secretsmanager.amazonaws.com"
        and permission.properties.get("SourceArn", secret) == secret
        for permission in site.of_type("AWS::Lambda::Permission")
        if permission.properties["FunctionName"] in {function, function.rpartition(":")[2]}
    ):
        raise ValueError(f"Secrets Manager cannot invoke {function}: no AWS::Lambda::Permission grants it")


_KEY_CHANGES = names("Description EnableKeyRotation KeyPolicy PendingWindowInDays")
_SECRET_CHANGES = names("Description KmsKeyId GenerateSecretString SecretString")
_ROTATION_CHANGES = names("RotationLambdaARN RotateImmediatelyOnUpdate RotationRules")

TYPES = (
    ResourceType(
        "AWS::KMS::Key",
        _KEY_CHANGES | names("KeySpec KeyUsage MultiRegion Tags"),
        _create_key,
        _delete_key,
        update=_update_key,
        configure=_rotate_key,
        changeable=_KEY_CHANGES,
    ),
    ResourceType(
        "AWS::SecretsManager::Secret",
        _SECRET_CHANGES | names("Name Tags"),
        _create_secret,
        _delete_secret,
        update=_update_secret,
        changeable=_SECRET_CHANGES,
        named_by="Name",
    ),
    ResourceType(
        "AWS::SecretsManager::RotationSchedule",
        _ROTATION_CHANGES | names("SecretId"),
        _create_rotation,
        kept,
        configure=_check_rotation,
        changeable=_ROTATION_CHANGES,
    ),
)

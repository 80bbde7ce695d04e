"""The secret of session keys: made by AWS, read by one function, rotated by another."""

import json

from operations import rotate_secret
from tests.template.permissions import statements
from tests.template.stack import Stack


def test_it_is_generated_as_the_json_that_the_service_reads(stack: Stack) -> None:
    # GIVEN the secret WHEN made as Secrets Manager makes it: the template's JSON, with a random text under the key
    secret = stack.only("AWS::SecretsManager::Secret")
    generated = secret["GenerateSecretString"]
    value = json.loads(generated["SecretStringTemplate"]) | {
        generated["GenerateStringKey"]: "x" * generated["PasswordLength"]
    }

    # THEN it has a `current` of the length that a rotation makes, and nothing of it is in the template
    assert value == {"current": "x" * rotate_secret.SECRET_CHARS}
    assert "SecretString" not in secret


def test_it_is_rotated_by_our_function_and_not_at_every_deployment(stack: Stack) -> None:
    # GIVEN the schedule WHEN read THEN the function is ours, and may be called before the schedule begins
    schedule = stack.only("AWS::SecretsManager::RotationSchedule")
    assert schedule["SecretId"] == {"Ref": "KeySecret"}
    assert schedule["RotationLambdaARN"] == {"Fn::GetAtt": ["RotateSecretFunction", "Arn"]}
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": stack.values["KeyRotationDays"]}
    assert schedule["RotateImmediatelyOnUpdate"] is False
    assert stack.resources["KeyRotation"]["DependsOn"] == "SecretsManagerMayRotate"


def test_secrets_manager_may_call_it_for_this_secret_alone(stack: Stack) -> None:
    permission = stack.resources["SecretsManagerMayRotate"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "RotateSecretFunction"}
    assert (permission["Principal"], permission["SourceArn"]) == ("secretsmanager.amazonaws.com", {"Ref": "KeySecret"})


def test_who_may_write_it_is_the_rotation_alone(stack: Stack) -> None:
    # GIVEN every policy of the stack WHEN searched for writes to a secret THEN there is one owner
    writers = {
        one.owner
        for one in statements(stack)
        if one.allows
        and {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"} & set(one.actions)
    }
    assert writers == {"RotateSecretRole"}

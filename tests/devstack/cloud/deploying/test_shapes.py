"""Values against the models of real APIs."""

from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from hypothesis import given
from hypothesis import strategies as st

from devstack.cloud.deploying.shapes import fit


def shape(service: str, operation: str) -> Shape:
    model = botocore.session.get_session().get_service_model(service)
    found = model.operation_model(operation).input_shape
    assert found is not None
    return found


CREATE_FUNCTION = shape("lambda", "CreateFunction")
NEEDED = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"S3Bucket": "abc", "S3Key": "k"}}


def fitted(**parameters: Any) -> dict[str, Any]:
    whole = fit({**NEEDED, **parameters}, CREATE_FUNCTION)
    return {name: whole[name] for name in parameters}


def test_texts_become_what_the_api_wants() -> None:
    """CloudFormation passes every parameter as text."""
    values = {
        "Timeout": "10",
        "Publish": "true",
        "EphemeralStorage": {"Size": "512"},
        "Environment": {"Variables": {"LIMIT": 50, "ON": True}},
        "Architectures": ["arm64"],
    }
    assert fitted(**values) == {
        "Timeout": 10,
        "Publish": True,
        "EphemeralStorage": {"Size": 512},
        "Environment": {"Variables": {"LIMIT": "50", "ON": "true"}},
        "Architectures": ["arm64"],
    }


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Timeout", "ten", "Timeout: 'ten' is no integer"),
        ("Timeout", "1.5", "Timeout: '1.5' is no integer"),
        ("Timeout", 0, "Timeout: 0 is not from 1"),
        ("MemorySize", "32769", "MemorySize: 32769 is not from 128 to 32768"),
        ("MemorySize", 127, "MemorySize: 127 is not from 128 to 32768"),
        ("Publish", "yes", "Publish: 'yes' is neither true nor false"),
        ("Architectures", "arm64", "Architectures: 'arm64' is no list"),
        ("Architectures", [], "Architectures has 0 elements"),
        ("Architectures", ["arm64", "x86_64"], "Architectures has 2 elements"),
        ("Architectures", ["sparc"], r"Architectures\[0\]: 'sparc' is not one of"),
        ("Environment", [], "Environment: .* is no structure"),
        ("Environment", {"Variables": []}, r"Environment\.Variables: .* is no map"),
        ("VpcConfig", {"Subnets": []}, r"VpcConfig\.Subnets is unknown; VpcConfig has SubnetIds"),
        ("Handler", {"Ref": "Name"}, "Handler: .* is no string"),
        ("Description", "x" * 257, "Description has 257 characters; allowed are 0 to 256"),
        ("FunctionName", "a b", "FunctionName: 'a b' does not match"),
        ("Colour", "red", "Colour is unknown"),
    ],
)
def test_what_the_api_refuses_is_refused_with_its_path(name: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fitted(**{name: value})


def test_a_missing_member_is_named() -> None:
    with pytest.raises(ValueError, match="Code is missing"):
        fit({"FunctionName": "f", "Role": NEEDED["Role"]}, CREATE_FUNCTION)


@given(st.integers(128, 32768), st.booleans())
def test_numbers_are_the_same_as_text_or_not(number: int, as_text: bool) -> None:
    assert fitted(MemorySize=str(number) if as_text else number) == {"MemorySize": number}

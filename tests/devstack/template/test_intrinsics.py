"""Intrinsic functions become the values that CloudFormation computes."""

import base64
import ipaddress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.template.intrinsics import resolve_value
from devstack.template.resolver import Resolver

TEXT = st.text(st.characters(exclude_characters="${}!"), max_size=8)


@dataclass
class Answers:
    """A stack with one bucket and one cache."""

    refs: dict[str, str] = field(default_factory=lambda: {"AWS::Region": "eu-central-1", "Bucket": "shop-models"})
    attributes: dict[tuple[str, str], str] = field(
        default_factory=lambda: {
            ("Bucket", "Arn"): "arn:aws:s3:::shop-models",
            ("Cache", "Endpoint.Address"): "cache.example",
            ("Vpc", "CidrBlock"): "10.0.0.0/23",
        }
    )

    def ref(self, name: str) -> str:
        return self.refs[name]

    def attribute(self, name: str, attribute: str) -> str:
        return self.attributes[name, attribute]

    def zones(self, region: str) -> list[str]:
        return [f"{region}{letter}" for letter in "abc"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Bucket"}, "shop-models"),
        ({"Fn::GetAtt": ["Cache", "Endpoint.Address"]}, "cache.example"),
        ({"Fn::GetAtt": "Cache.Endpoint.Address"}, "cache.example"),
        ({"Fn::Sub": "${Bucket.Arn}/models/* in ${AWS::Region}"}, "arn:aws:s3:::shop-models/models/* in eu-central-1"),
        ({"Fn::Sub": "${!PROP('Dim.variant')} of ${Bucket}"}, "${PROP('Dim.variant')} of shop-models"),
        (
            {"Fn::Sub": ["${Own}:${Bucket}", {"Own": {"Fn::GetAtt": ["Bucket", "Arn"]}}]},
            "arn:aws:s3:::shop-models:shop-models",
        ),
        ({"Fn::Sub": ["${Bucket}", {"Bucket": "own names come first"}]}, "own names come first"),
        ({"Fn::Sub": ["${Port}/${On}", {"Port": 6379, "On": True}]}, "6379/true"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Bucket"}, 3]]}, "a-shop-models-3"),
        ({"Fn::Join": [",", {"Fn::GetAZs": ""}]}, "eu-central-1a,eu-central-1b,eu-central-1c"),
        ({"Fn::Select": ["1", {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}, "eu-central-1b"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Bucket"}]}]}, "models"),
        ({"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 2, "8"]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::GetAZs": "us-east-1"}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::Base64": {"Fn::Sub": "in ${AWS::Region}"}}, base64.b64encode(b"in eu-central-1").decode()),
        (
            {"Name": {"Ref": "Bucket"}, "On": True, "Size": [{"Max": 5}]},
            {"Name": "shop-models", "On": True, "Size": [{"Max": 5}]},
        ),
    ],
    ids=str,
)
def test_a_function_becomes_its_value(value: Any, expected: Any) -> None:
    assert resolve_value(value, Answers()) == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"Ref": "Bukcet"}, "Bukcet"),
        ({"Fn::GetAtt": ["Bucket", "Anr"]}, r"Bucket\.Anr"),
        ({"Fn::Sub": "${Bukcet}"}, "Bukcet"),
        ({"Fn::Sub": "${Bucket.Anr}"}, r"Bucket\.Anr"),
        ({"Fn::ImportValue": "other"}, "Fn::ImportValue"),
        ({"Fn::If": ["Reserved", 1, 2]}, "Fn::If"),
        ({"Fn::Select": [3, {"Fn::GetAZs": ""}]}, "no element 3"),
        ({"Fn::Select": [-1, ["a", "b"]]}, "no element -1"),
        ({"Fn::Join": ["", {"Ref": "Bucket"}]}, "no list"),
        ({"Fn::Join": ["", [["nested"]]]}, "no text"),
        ({"Fn::Cidr": ["10.0.0.0/23", 3, 8]}, "2 blocks"),
        ({"Fn::Cidr": ["10.0.0.0/23", 1, 10]}, "no 1 blocks"),
        ({"Fn::Cidr": ["10.0.0.0/23", 0, 8]}, "no 0 blocks"),
        ({"Fn::Cidr": ["10.0.0.0/8", 257, 8]}, "no 257 blocks"),
    ],
    ids=str,
)
def test_an_unknown_name_or_wrong_argument_is_named(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve_value({"Properties": [value]}, Answers())


@given(st.recursive(TEXT | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
@pytest.mark.slow
def test_values_without_functions_stay_as_they_are(value: Any) -> None:
    assert resolve_value(value, Answers()) == value


@given(separator=st.text(min_size=1, max_size=3), parts=st.lists(TEXT, min_size=1))
def test_a_split_undoes_a_join(separator: str, parts: list[str]) -> None:
    joined = separator.join(parts)

    assert resolve_value({"Fn::Join": [separator, {"Fn::Split": [separator, joined]}]}, Answers()) == joined


@given(prefix=st.integers(8, 28), bits=st.integers(4, 12), count=st.integers(1, 20))
def test_blocks_lie_in_their_network_and_apart(prefix: int, bits: int, count: int) -> None:
    network = ipaddress.ip_network((int(ipaddress.ip_address("10.0.0.0")), prefix))
    fits = prefix + bits <= 32 and count <= 2 ** (32 - bits - prefix)
    if not fits:
        with pytest.raises(ValueError, match=r"Fn::Cidr"):
            resolve_value({"Fn::Cidr": [str(network), count, bits]}, Answers())
        return

    blocks = [
        ipaddress.ip_network(block) for block in resolve_value({"Fn::Cidr": [str(network), count, bits]}, Answers())
    ]

    assert [block.num_addresses for block in blocks] == [2**bits] * count
    assert all(int(block.network_address) >= int(network.network_address) for block in blocks)
    assert all(int(block.broadcast_address) <= int(network.broadcast_address) for block in blocks)
    assert len({block.network_address for block in blocks}) == count


def test_a_literal_is_the_same_whether_or_not_the_resolver_could_answer_the_rest() -> None:
    # GIVEN one text whose variables are all parameters, and one that also names a resource
    resolver = Resolver({"Parameters": {"Name": {"Type": "String", "Default": "shop"}}}, {})

    # WHEN both are resolved in two steps
    by_parameter = resolve_value(resolver.resolve({"Fn::Sub": "${!Literal} ${Name}"}), Answers())
    by_resource = resolve_value(resolver.resolve({"Fn::Sub": "${!Literal} ${Name} ${Bucket}"}), Answers())

    # THEN the escaped variable is its own text in both
    assert by_parameter == "${Literal} shop"
    assert by_resource == "${Literal} shop shop-models"

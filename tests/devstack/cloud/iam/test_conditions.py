"""Condition operators compare as "Condition operators" of the IAM User Guide says."""

from typing import Any

import pytest

from devstack.cloud.iam.operators import OPERATORS
from devstack.cloud.iam.patterns import PolicyError
from tests.devstack.cloud.iam.samples import Values, holds

KEY = "aws:TagKeys"


@pytest.mark.parametrize(
    ("operator", "of_policy", "of_request", "expected"),
    [
        ("StringEquals", "shop", "shop", True),
        ("StringEquals", "shop", "Shop", False),
        ("StringEquals", "s*", "shop", False),
        ("StringEquals", "s*", "s*", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "SHOP", "shop", True),
        ("StringNotEqualsIgnoreCase", "SHOP", "shop", False),
        ("StringLike", "s?o*", "shop", True),
        ("StringLike", "s?o*", "Shop", False),
        ("StringLike", "", "", True),
        ("StringNotLike", ["a*", "b*"], "bc", False),
        ("StringNotLike", ["a*", "b*"], "cc", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 10, "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9.5", "10", True),
        ("NumericGreaterThanEquals", "10", "9", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericLessThan", "10", "not a number", False),
        ("DateEquals", "2026-01-02", "2026-01-02T00:00:00Z", True),
        ("DateNotEquals", "2026-01", "2026-01-01T00:00:00Z", False),
        ("DateLessThan", "2026-01-02T00:00:00+01:00", "2026-01-01T23:30:00Z", False),
        ("DateLessThanEquals", "2026-01-02T00:00:00Z", "1767312000", True),
        ("DateGreaterThan", "1767312000", "2026-01-02T00:00:01Z", True),
        ("DateGreaterThanEquals", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("Bool", "TRUE", "true", True),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJz", False),
        ("IpAddress", "10.0.0.0/16", "10.0.255.1", True),
        ("IpAddress", "10.0.0.0/16", "10.1.0.1", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "203.0.113.0/24", "2001:db8::1", False),
        ("NotIpAddress", ["10.0.0.0/16", "192.0.2.0/24"], "192.0.2.9", False),
        ("NotIpAddress", "10.0.0.0/16", "192.0.2.9", True),
        ("ArnEquals", "arn:aws:sns:eu-central-1:1:pages", "arn:aws:sns:eu-central-1:1:pages", True),
        ("ArnEquals", "arn:aws:sns:*:1:pages", "arn:aws:sns:eu-central-1:1:pages", True),
        ("ArnLike", "arn:aws:sns:*:1:pages", "arn:aws:sns:eu-central-1:2:pages", False),
        ("ArnLike", "arn:aws:sns:*:1:pages", "pages", False),
        ("ArnNotEquals", "arn:aws:sns:*:1:pages", "arn:aws:sns:eu-central-1:1:pages", False),
        ("ArnNotLike", "arn:aws:sns:*:1:pages", "arn:aws:sns:eu-central-1:1:others", True),
    ],
)
def test_operators_compare(operator: str, of_policy: Any, of_request: str, expected: bool) -> None:
    assert holds({operator: {"aws:Key": of_policy}}, aws__Key=of_request) is expected


def test_an_arn_operator_fails_where_a_string_operator_matches() -> None:
    # The user guide's example.
    pattern = "arn:aws:someservice:*:111122223333:finance/*"
    value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert holds({"StringLike": {"aws:SourceArn": pattern}}, aws__SourceArn=value)
    assert not holds({"ArnLike": {"aws:SourceArn": pattern}}, aws__SourceArn=value)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_a_missing_key_fulfils_negated_operators_and_if_exists(name: str) -> None:
    value = next(
        value
        for start, value in {
            "Arn": "arn:aws:s3:::shop",
            "String": "a",
            "Numeric": "1",
            "Date": "2026-01-01",
            "Bool": "true",
            "Binary": "QQ==",
            "Ip": "10.0.0.0/8",
            "Not": "10.0.0.0/8",
        }.items()
        if name.startswith(start)
    )
    assert holds({name: {"aws:Key": value}}) is ("Not" in name)
    assert holds({f"{name}IfExists": {"aws:Key": value}})
    assert holds({f"ForAllValues:{name}": {"aws:Key": value}})
    assert not holds({f"ForAnyValue:{name}": {"aws:Key": value}})


def test_if_exists_compares_a_key_that_exists() -> None:
    condition = {"StringLikeIfExists": {"ec2:InstanceType": ["t1.*", "t2.*"]}}
    assert holds(condition, ec2__InstanceType="t2.micro")
    assert not holds(condition, ec2__InstanceType="m5.large")


def test_null_asks_whether_a_key_is_absent() -> None:
    for absent in ("true", True):
        assert holds({"Null": {"aws:TokenIssueTime": absent}})
        assert not holds({"Null": {"aws:TokenIssueTime": absent}}, aws__TokenIssueTime="2026-01-01T00:00:00Z")
    assert holds({"Null": {"s3:if-none-match": "false"}}, **{"s3__if-none-match": "*"})
    assert not holds({"Null": {"s3:if-none-match": "false"}})
    # An empty value counts as absent.
    assert not holds({"Null": {KEY: "false"}}, aws__TagKeys="")


@pytest.mark.parametrize(
    ("operator", "of_request", "expected"),
    [
        ("ForAllValues:StringEquals", ("PostDateTime", "Message"), True),
        ("ForAllValues:StringEquals", ("PostDateTime", "UserName"), False),
        ("ForAllValues:StringEquals", (), True),
        ("ForAllValues:StringEquals", ("",), True),
        ("ForAllValues:StringNotEquals", ("ID", "UserName"), True),
        ("ForAllValues:StringNotEquals", ("ID", "Message"), False),
        ("ForAllValues:StringNotEqualsIfExists", ("ID", "Message"), False),
        ("ForAnyValue:StringEquals", ("PostDateTime", "UserName"), True),
        ("ForAnyValue:StringEquals", ("UserName",), False),
        ("ForAnyValue:StringEquals", (), False),
        ("ForAnyValue:StringEquals", ("",), False),
        ("ForAnyValue:StringNotEquals", ("Message", "UserName"), True),
        ("ForAnyValue:StringNotEquals", ("Message", "Tags"), False),
        ("ForAnyValue:StringLike", ("Tags",), True),
    ],
)
def test_set_operators_compare_several_values(operator: str, of_request: Values, expected: bool) -> None:
    # The user guide's example: attributes of a DynamoDB request.
    condition = {operator: {"dynamodb:Attributes": ["PostDateTime", "Message", "Tags"]}}
    assert holds(condition, dynamodb__Attributes=of_request) is expected


def test_no_value_of_the_policy_is_equal_to_nothing() -> None:
    assert not holds({"StringEquals": {KEY: []}}, aws__TagKeys="a")
    assert holds({"StringNotEquals": {KEY: []}}, aws__TagKeys="a")
    assert holds({"ForAllValues:StringEquals": {KEY: []}})
    assert not holds({"ForAllValues:StringEquals": {KEY: []}}, aws__TagKeys="a")


def test_several_values_need_a_set_operator() -> None:
    with pytest.raises(PolicyError, match="ForAllValues or ForAnyValue"):
        holds({"StringEquals": {KEY: "a"}}, aws__TagKeys=("a", "b"))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ([], "is not an object"),
        ({"StringEquals": {}}, "no keys"),
        ({"StringEqual": {KEY: "a"}}, "is not an operator"),
        ({"stringequals": {KEY: "a"}}, "is not an operator"),
        ({"ForSomeValues:StringEquals": {KEY: "a"}}, "is not an operator"),
        ({"NullIfExists": {KEY: "true"}}, "is not an operator"),
        ({"ForAnyValue:Null": {KEY: "true"}}, "is not an operator"),
        ({"ForAnyValue:StringEqualsIfExists": {KEY: "a"}}, "ambiguous"),
        ({"StringEquals": {"TagKeys": "a"}}, "is not a context key"),
        ({"StringEquals": {KEY: {"Ref": "Bucket"}}}, "accepted are"),
        ({"StringEquals": {KEY: None}}, "accepted are"),
        ({"Null": {KEY: "maybe"}}, "true or false"),
        ({"Bool": {KEY: "yes"}}, "neither true nor false"),
        ({"NumericEquals": {KEY: "ten"}}, "is not a number"),
        ({"NumericEquals": {KEY: "NaN"}}, "is not a number"),
        ({"DateLessThan": {KEY: "tomorrow"}}, "is not a date"),
        ({"BinaryEquals": {KEY: "???"}}, "is not base64"),
        ({"IpAddress": {KEY: "10.0.0"}}, "10.0.0"),
        ({"ArnLike": {KEY: "*"}}, "six fields"),
        ({"Bool": {KEY: "${aws:SecureTransport}"}}, "policy variables"),
        ({"NumericEquals": {KEY: "${s3:max-keys}"}}, "policy variables"),
    ],
)
def test_a_condition_that_is_not_modelled_is_refused(condition: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        holds(condition)

"""Wildcards and policy variables of actions, resources and conditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.cloud.iam.patterns import PolicyError, parse_arn_pattern, parse_pattern
from devstack.cloud.iam.policy import Decision
from tests.devstack.cloud.iam.samples import BUCKET, allow, decide, deny, holds, policy
from tests.nextitem.parts import STEADY

TEXTS = st.text(st.sampled_from("ab*?:/.$[\n"), max_size=8)


def no_values(_: str) -> tuple[str, ...]:
    return ()


def is_like(pattern: str, text: str) -> bool:
    """The definition of wildcards, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(is_like(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and is_like(pattern[1:], text[1:])


@STEADY
@given(TEXTS, TEXTS)
def test_wildcards_match_as_defined(pattern: str, text: str) -> None:
    expression = parse_pattern(pattern, variables=True).expression(no_values)
    assert expression is not None
    assert (expression.fullmatch(text) is not None) == is_like(pattern, text)


@STEADY
@given(st.lists(TEXTS.map(lambda text: text.replace(":", "")), min_size=5, max_size=5), TEXTS)
def test_an_arn_matches_field_by_field(fields: list[str], resource: str) -> None:
    pattern = parse_arn_pattern("arn:" + ":".join(fields[1:]) + ":" + resource, variables=False)
    literal = ":".join(["arn", *fields[1:], resource])
    assert pattern.matches(literal, no_values)
    for place in range(1, 5):
        longer = ["arn", *fields[1:], resource]
        longer[place] += "x"
        expected = is_like(fields[place], fields[place] + "x")
        assert pattern.matches(":".join(longer), no_values) == expected


@STEADY
@given(TEXTS)
def test_a_variables_value_has_no_wildcards(value: str) -> None:
    expression = parse_pattern("a/${aws:userid}/b", variables=True).expression(lambda _: (value,))
    assert expression is not None
    assert expression.fullmatch(f"a/{value}/b")
    assert (expression.fullmatch("a/x/b") is not None) == (value == "x")


def test_variables_become_values_of_the_request() -> None:
    document = policy(allow(resource=f"{BUCKET}/home/${{aws:username}}/*"))
    mine, other = f"{BUCKET}/home/ada/x", f"{BUCKET}/home/bob/x"
    assert decide(document, resource=mine, context={"aws:username": "ada"}) is Decision.ALLOW
    assert decide(document, resource=other, context={"aws:username": "ada"}) is Decision.IMPLICIT_DENY
    assert decide(document, resource=f"{BUCKET}/home//x") is Decision.IMPLICIT_DENY
    condition = {"StringLike": {"s3:prefix": ["", "home/", "home/${aws:UserName}/*"]}}
    assert holds(condition, s3__prefix="home/ada/x", aws__username="ada")
    assert not holds(condition, s3__prefix="home/bob/x", aws__username="ada")
    assert holds(condition, s3__prefix="")


def test_a_variable_in_an_arn_condition() -> None:
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:${aws:PrincipalTag/team}-*"}}
    assert holds(condition, aws__SourceArn="arn:aws:sns:r:1:web-a", **{"aws__PrincipalTag/team": "web"})
    assert not holds(condition, aws__SourceArn="arn:aws:sns:r:1:api-a", **{"aws__PrincipalTag/team": "web"})


def test_a_variable_without_a_value_equals_nothing() -> None:
    # The user guide: positive operators do not match a null value, negated ones do.
    assert not holds({"StringEquals": {"s3:prefix": "${aws:PrincipalTag/team}"}}, s3__prefix="web")
    for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike"):
        assert not holds({operator: {"s3:prefix": "web${aws:PrincipalTag/team}"}}, s3__prefix="web")
    assert not holds({"StringLike": {"s3:prefix": "*${aws:PrincipalTag/team}"}}, s3__prefix="web")
    assert holds({"StringNotEquals": {"s3:prefix": "${aws:PrincipalTag/team}"}}, s3__prefix="web")
    refuse = {"Effect": "Deny", "Action": "*", "NotResource": f"{BUCKET}/${{aws:PrincipalTag/team}}/*"}
    assert decide(policy(allow(), refuse)) is Decision.EXPLICIT_DENY


def test_a_variable_has_a_default() -> None:
    condition = {"StringEquals": {"s3:prefix": "${aws:PrincipalTag/team, 'company-wide'}"}}
    assert holds(condition, s3__prefix="company-wide")
    assert holds(condition, s3__prefix="web", **{"aws__PrincipalTag/team": "web"})
    assert not holds(condition, s3__prefix="company-wide", **{"aws__PrincipalTag/team": "web"})


def test_escaped_characters_are_literal() -> None:
    assert holds({"StringLike": {"s3:prefix": "a${*}b${?}${$}"}}, s3__prefix="a*b?$")
    assert not holds({"StringLike": {"s3:prefix": "a${*}b${?}${$}"}}, s3__prefix="axby$")


def test_an_old_version_has_no_variables() -> None:
    condition = {"StringEquals": {"s3:prefix": "${aws:username}"}}
    assert holds(condition, version="2008-10-17", s3__prefix="${aws:username}", aws__username="ada")
    assert not holds(condition, version="2008-10-17", s3__prefix="ada", aws__username="ada")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("arn:aws:s3:::shop/${aws:username", "is not closed"),
        ("arn:aws:s3:::shop/${}", "is not a policy variable"),
        ("arn:aws:s3:::shop/${aws:username, default}", "is not a policy variable"),
        ("arn:aws:sqs:${aws:RequestedRegion}:1:queue", "fifth colon"),
    ],
)
def test_a_variable_that_aws_refuses_is_refused(resource: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        decide(policy(deny(resource=resource)))


def test_a_key_with_several_values_is_no_variable() -> None:
    with pytest.raises(PolicyError, match="several values"):
        holds({"StringEquals": {"s3:prefix": "${aws:TagKeys}"}}, s3__prefix="a", aws__TagKeys=("a", "b"))

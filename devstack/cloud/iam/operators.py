"""The operators of conditions: each parses a value of a policy to a comparison with one value of a request."""

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from devstack.cloud.iam.patterns import PolicyError, Values, parse_arn_pattern, parse_pattern

Comparison = Callable[[str, Values], bool]
"""Compares a value of a request with a value of a policy. A value that the operator cannot read is not equal."""
_Ordered = TypeVar("_Ordered", Decimal, datetime)

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_EPOCH_SECONDS = re.compile(r"-?\d{5,}")  # four digits would be a year
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True)
class Operator:
    """A condition operator without its prefix (``ForAllValues:``) and suffix (``IfExists``).

    Attributes:
        parse: returns the comparison of a policy's value; the second argument says whether ``${...}`` is a variable.
        negated: true if the condition holds when no comparison does, which includes a missing key.
    """

    parse: Callable[[str, bool], Comparison]
    negated: bool = False


def _equals(text: str, variables: bool) -> Comparison:
    pattern = parse_pattern(text, variables=variables)
    return lambda value, values: pattern.resolved(values) == value


def _equals_ignoring_case(text: str, variables: bool) -> Comparison:
    pattern = parse_pattern(text, variables=variables)

    def compare(value: str, values: Values) -> bool:
        resolved = pattern.resolved(values)
        return resolved is not None and resolved.lower() == value.lower()

    return compare


def _like(text: str, variables: bool) -> Comparison:
    pattern = parse_pattern(text, variables=variables)

    def compare(value: str, values: Values) -> bool:
        expression = pattern.expression(values)
        return expression is not None and expression.fullmatch(value) is not None

    return compare


def _arn(text: str, variables: bool) -> Comparison:
    return parse_arn_pattern(text, variables=variables).matches


def _without_variables(parse: Callable[[str], Comparison]) -> Callable[[str, bool], Comparison]:
    def checked(text: str, variables: bool) -> Comparison:
        if variables and "${" in text:
            raise PolicyError(f'"{text}": only operators for strings and ARNs accept policy variables')
        return parse(text)

    return checked


def _ordered(
    read: Callable[[str], _Ordered], compare: Callable[[_Ordered, _Ordered], bool]
) -> Callable[[str, bool], Comparison]:
    def parse(text: str) -> Comparison:
        limit = read(text)

        def compared(value: str, _: Values) -> bool:
            try:
                return compare(read(value), limit)
            except ValueError:
                return False

        return compared

    return _without_variables(parse)


def read_number(text: str) -> Decimal:
    """Return an integer or a decimal number.

    Raises:
        PolicyError: it is neither.
    """
    if not _NUMBER.fullmatch(text):
        raise PolicyError(f'"{text}" is not a number')
    return Decimal(text)


def read_date(text: str) -> datetime:
    """Return the moment of a W3C date (ISO 8601) or of epoch seconds; without a time zone it is UTC.

    Raises:
        PolicyError: it is neither.
    """
    try:
        if _EPOCH_SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    except (ValueError, OverflowError, OSError) as error:
        raise PolicyError(f'"{text}" is not a date: ISO 8601 or epoch seconds') from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _boolean(text: str) -> Comparison:
    if text.lower() not in {"true", "false"}:
        raise PolicyError(f'"{text}" is neither true nor false')
    return lambda value, _: value.lower() == text.lower()


def _binary(text: str) -> Comparison:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise PolicyError(f'"{text}" is not base64') from error
    return lambda value, _: value == text


def _address(text: str) -> Comparison:
    network = ipaddress.ip_network(text, strict=False)

    def compare(value: str, _: Values) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return compare


def _orders(name: str, read: Callable[[str], _Ordered]) -> dict[str, Operator]:
    equal = _ordered(read, operator.eq)
    return {
        f"{name}Equals": Operator(equal),
        f"{name}NotEquals": Operator(equal, negated=True),
        f"{name}LessThan": Operator(_ordered(read, operator.lt)),
        f"{name}LessThanEquals": Operator(_ordered(read, operator.le)),
        f"{name}GreaterThan": Operator(_ordered(read, operator.gt)),
        f"{name}GreaterThanEquals": Operator(_ordered(read, operator.ge)),
    }


OPERATORS = {
    "StringEquals": Operator(_equals),
    "StringNotEquals": Operator(_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(_equals_ignoring_case, negated=True),
    "StringLike": Operator(_like),
    "StringNotLike": Operator(_like, negated=True),
    **_orders("Numeric", read_number),
    **_orders("Date", read_date),
    "Bool": Operator(_without_variables(_boolean)),
    "BinaryEquals": Operator(_without_variables(_binary)),
    "IpAddress": Operator(_without_variables(_address)),
    "NotIpAddress": Operator(_without_variables(_address), negated=True),
    "ArnEquals": Operator(_arn),
    "ArnLike": Operator(_arn),
    "ArnNotEquals": Operator(_arn, negated=True),
    "ArnNotLike": Operator(_arn, negated=True),
}

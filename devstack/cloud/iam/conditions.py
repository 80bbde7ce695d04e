"""Conditions of policies: operators, missing keys and keys with several values.

Source: the IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context
keys".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from devstack.cloud.iam.operators import OPERATORS, Comparison, Operator
from devstack.cloud.iam.patterns import PolicyError, Values

IF_EXISTS = "IfExists"
NULL = "Null"
_BOOLEANS = {"true": True, "false": False}


class Quantifier(Enum):
    """How many of a context key's values must fulfil a condition."""

    SINGLE = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


@dataclass(frozen=True)
class Condition:
    """One key of one operator of a statement.

    Attributes:
        name: the operator as the policy has it, for messages.
        key: the context key.
        comparisons: one for each value of the policy; the condition holds if one of them does.
        negated: true for operators such as ``StringNotEquals``, which hold if no comparison does.
        if_exists: without the key the condition holds.
    """

    name: str
    key: str
    quantifier: Quantifier
    negated: bool
    if_exists: bool
    comparisons: tuple[Comparison, ...]

    def holds(self, values: Values) -> bool:
        """Return whether a request fulfils the condition.

        Raises:
            PolicyError: the key has several values, and the operator is only defined for one.
        """
        present = values(self.key)
        match self.quantifier:
            case Quantifier.ALL:
                return all(self._accepts(value, values) for value in present if value)
            case Quantifier.ANY:
                return any(self._accepts(value, values) for value in present if value)
        if not present:
            return self.if_exists or self.negated
        if len(present) > 1:
            raise PolicyError(
                f"{self.name}: {self.key} has {len(present)} values; use ForAllValues or ForAnyValue for such a key"
            )
        return self._accepts(present[0], values)

    def _accepts(self, value: str, values: Values) -> bool:
        return any(comparison(value, values) for comparison in self.comparisons) != self.negated


@dataclass(frozen=True)
class NullCondition:
    """Whether a context key must be absent or empty (true), or present (false)."""

    key: str
    absent: frozenset[bool]

    def holds(self, values: Values) -> bool:
        """Return whether a request fulfils the condition."""
        return (not any(values(self.key))) in self.absent


AnyCondition = Condition | NullCondition


def parse_conditions(block: Any, *, variables: bool) -> tuple[AnyCondition, ...]:
    """Return the conditions of a statement's ``Condition`` element; all of them must hold.

    Raises:
        PolicyError: an operator, a key or a value is not one that IAM accepts, or is not modelled.
    """
    if not isinstance(block, Mapping):
        raise PolicyError(f"Condition: {block!r} is not an object of operators")
    conditions: list[AnyCondition] = []
    for name, keys in block.items():
        if not isinstance(keys, Mapping) or not keys:
            raise PolicyError(f"Condition: {name} has no keys")
        conditions += [_parse_condition(name, key, keys[key], variables=variables) for key in keys]
    return tuple(conditions)


def _parse_condition(name: str, key: str, value: Any, *, variables: bool) -> AnyCondition:
    if ":" not in key:
        raise PolicyError(f'Condition: {name}: "{key}" is not a context key, such as aws:SourceArn')
    texts = [_as_text(name, key, item) for item in (value if isinstance(value, list) else [value])]
    if name == NULL:
        if not texts or any(text.lower() not in _BOOLEANS for text in texts):
            raise PolicyError(f"Condition: {NULL}: {key} must be true or false, not {value!r}")
        return NullCondition(key, frozenset(_BOOLEANS[text.lower()] for text in texts))
    quantifier = next(
        (item for item in (Quantifier.ALL, Quantifier.ANY) if name.startswith(item.value)), Quantifier.SINGLE
    )
    rest = name.removeprefix(quantifier.value)
    if_exists = rest.endswith(IF_EXISTS)
    operator = OPERATORS.get(rest.removesuffix(IF_EXISTS))
    if operator is None:
        raise PolicyError(f'Condition: "{name}" is not an operator')
    if if_exists and quantifier is Quantifier.ANY:
        # The user guide says that a missing key fulfils it as IfExists, and that it does not as ForAnyValue.
        raise PolicyError(f"Condition: {name} is ambiguous for a missing key, therefore not modelled")
    comparisons = tuple(_comparison(operator, name, key, text, variables=variables) for text in texts)
    return Condition(name, key, quantifier, operator.negated, if_exists, comparisons)


def _comparison(operator: Operator, name: str, key: str, text: str, *, variables: bool) -> Comparison:
    try:
        return operator.parse(text, variables)
    except ValueError as error:
        raise PolicyError(f"Condition: {name}: {key}: {error}") from error


def _as_text(name: str, key: str, value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return str(value)
    raise PolicyError(f"Condition: {name}: {key} has the value {value!r}; accepted are texts, numbers and booleans")

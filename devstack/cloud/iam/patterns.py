"""Texts of policies with wildcards and policy variables.

Source: the IAM User Guide, "IAM policy elements: Variables and tags" and "Resource".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

Values = Callable[[str], tuple[str, ...]]
"""Returns the values of a context key; none if the request does not have the key."""

ARN_FIELDS = 6
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_REFERENCE = re.compile(r"\s*([A-Za-z0-9:._/@+=-]+(?: [A-Za-z0-9:._/@+=-]+)*)\s*(?:,\s*'([^']*)'\s*)?")


class PolicyError(ValueError):
    """A policy that AWS refuses, or whose meaning is not modelled here."""


@dataclass(frozen=True)
class _Variable:
    key: str
    default: str | None

    def value(self, values: Values) -> str | None:
        found = values(self.key)
        if len(found) > 1:
            raise PolicyError(f"${{{self.key}}}: a key with several values cannot be a policy variable")
        return found[0] if found else self.default


@dataclass(frozen=True)
class Pattern:
    """A text of a policy, split at its variables.

    Attributes:
        text: as the policy has it.
        parts: literal text, variables, and the escaped characters ``${*}``, ``${?}`` and ``${$}``.
    """

    text: str
    parts: tuple["str | _Variable | _Escaped", ...]

    @property
    def has_variables(self) -> bool:
        """Return whether a context key is part of the text."""
        return any(isinstance(part, _Variable) for part in self.parts)

    def resolved(self, values: Values) -> str | None:
        """Return the text with its variables replaced; None if a variable has no value."""
        texts = [_text(part, values) for part in self.parts]
        return None if None in texts else "".join(text for text in texts if text is not None)

    def expression(self, values: Values, *, ignore_case: bool = False) -> re.Pattern[str] | None:
        """Return the expression that the whole text must match; None if a variable has no value.

        ``*`` stands for any characters and ``?`` for one; those in a variable's value are literal.
        """
        expression = ""
        for part in self.parts:
            text = _text(part, values)
            if text is None:
                return None
            expression += _wildcards(text) if isinstance(part, str) else re.escape(text)
        return re.compile(expression, re.DOTALL | re.ASCII | (re.IGNORECASE if ignore_case else 0))


@dataclass(frozen=True)
class _Escaped:
    character: str


def parse_pattern(text: str, *, variables: bool) -> Pattern:
    """Return a pattern of a text; without variables, ``${`` is text, as in policies of version 2008-10-17."""
    if not variables:
        return Pattern(text, (text,))
    parts: list[str | _Variable | _Escaped] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        parts.append(text[end : found.start()])
        parts.append(_parse_variable(found[1]))
        end = found.end()
    parts.append(text[end:])
    if any("${" in part for part in parts if isinstance(part, str)):
        raise PolicyError(f'"{text}": a policy variable is not closed')
    return Pattern(text, tuple(part for part in parts if part))


def _parse_variable(inside: str) -> _Variable | _Escaped:
    if inside in {"*", "?", "$"}:
        return _Escaped(inside)
    match = _REFERENCE.fullmatch(inside)
    if match is None:
        raise PolicyError(f'"${{{inside}}}" is not a policy variable')
    return _Variable(match[1], match[2])


def _text(part: str | _Variable | _Escaped, values: Values) -> str | None:
    match part:
        case str():
            return part
        case _Escaped():
            return part.character
    return part.value(values)


def _wildcards(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)


@dataclass(frozen=True)
class ArnPattern:
    """A pattern of an ARN: each of the six fields is compared on its own, so no ``*`` spans two of the first five."""

    fields: tuple[Pattern, ...]

    def matches(self, arn: str, values: Values) -> bool:
        """Return whether an ARN matches; never if a variable has no value."""
        fields = arn.split(":", ARN_FIELDS - 1)
        if len(fields) < ARN_FIELDS:
            return False
        for pattern, field in zip(self.fields, fields, strict=True):
            expression = pattern.expression(values)
            if expression is None or not expression.fullmatch(field):
                return False
        return True


def parse_arn_pattern(text: str, *, variables: bool) -> ArnPattern:
    """Return the pattern of an ARN.

    Raises:
        PolicyError: it has fewer than six fields.
    """
    # A variable's name contains colons, so colons are counted outside of variables.
    masked = _VARIABLE.sub(lambda found: found[0].replace(":", "\0"), text) if variables else text
    fields = [field.replace("\0", ":") for field in masked.split(":", ARN_FIELDS - 1)]
    if len(fields) < ARN_FIELDS or fields[0] not in {"arn", "*"}:
        raise PolicyError(f'"{text}" is not an ARN of six fields: arn:partition:service:region:account:resource')
    return ArnPattern(tuple(parse_pattern(field, variables=variables) for field in fields))

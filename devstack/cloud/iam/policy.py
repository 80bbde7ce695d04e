"""Policies: parse them, and evaluate a request against their statements.

Source: the IAM User Guide, "Policy evaluation logic" and "IAM JSON policy element reference". Whatever is not modelled
raises `PolicyError`; nothing unknown allows or denies silently.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from devstack.cloud.iam.conditions import AnyCondition, parse_conditions
from devstack.cloud.iam.patterns import (
    ArnPattern,
    Pattern,
    PolicyError,
    parse_arn_pattern,
    parse_pattern,
)
from devstack.cloud.iam.principals import Names, PrincipalElement, parse_principal

VERSION, OLD_VERSION = "2012-10-17", "2008-10-17"
Context = Mapping[str, tuple[str, ...]]
"""Context keys, such as ``aws:SecureTransport``, and their values. Names are compared without case."""

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+", re.IGNORECASE)
_SID = re.compile(r"[A-Za-z0-9]*")
_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition"),
}


class PolicyKind(Enum):
    """Where a policy is attached, which decides about the elements that it must and must not have."""

    IDENTITY = "identity"
    """Of a role or user: no principal."""
    RESOURCE = "resource"
    """Of a bucket, key, topic, or VPC endpoint: with principals."""
    TRUST = "trust"
    """Of a role, about who may assume it: principals, but no resources."""


class Effect(Enum):
    """The effect of a statement that matches."""

    ALLOW = "Allow"
    DENY = "Deny"


class Decision(Enum):
    """The result of an evaluation."""

    ALLOW = "allow"
    IMPLICIT_DENY = "implicit deny"
    """No statement allows it."""
    EXPLICIT_DENY = "explicit deny"
    """A statement denies it, whatever others allow."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        resources: None stands for ``*``.
        inverted_actions: the statement has ``NotAction``; likewise for resources and principals.
        principal: None in identity policies.
        source: names the policy, for reports of decisions.
    """

    effect: Effect
    actions: tuple[Pattern, ...]
    inverted_actions: bool
    resources: tuple[ArnPattern | None, ...]
    inverted_resources: bool
    principal: PrincipalElement | None
    inverted_principal: bool
    conditions: tuple[AnyCondition, ...]
    sid: str = ""
    source: str = ""

    def matches(self, request: "Request") -> bool:
        """Return whether the statement applies to a request."""
        return (
            self._matches_principal(request.principal)
            and self._matches_action(request)
            and self._matches_resource(request)
            and all(condition.holds(request.values) for condition in self.conditions)
        )

    def names_itself(self, principal: "Principal") -> bool:
        """Return whether the statement names a principal by more than its account.

        An ``Allow`` for an account only leaves the decision to the identity policies in that account.
        """
        return self.principal is not None and self.principal.names_itself(principal.names)

    def _matches_principal(self, principal: "Principal") -> bool:
        if self.principal is None:
            return True
        if self.inverted_principal:
            return not self.principal.excepts(principal.names)
        return self.principal.matches(principal.names)

    def _matches_action(self, request: "Request") -> bool:
        expressions = (pattern.expression(request.values, ignore_case=True) for pattern in self.actions)
        found = any(expression and expression.fullmatch(request.action) for expression in expressions)
        return found != self.inverted_actions

    def _matches_resource(self, request: "Request") -> bool:
        if not self.resources:
            return True
        found = any(pattern is None or pattern.matches(request.resource, request.values) for pattern in self.resources)
        return found != self.inverted_resources


@dataclass(frozen=True)
class Principal:
    """Who makes a request.

    Attributes:
        arn: of the session, such as ``arn:aws:sts::123456789012:assumed-role/recommend/session``; empty for a service.
        account: the id of its account; empty for a service.
        statements: of its identity policies.
        context: context keys about the principal, such as ``aws:PrincipalArn``.
        role_arn: the role that the session has.
        service: such as ``apigateway.amazonaws.com``, for a call by an AWS service.
    """

    arn: str = ""
    account: str = ""
    statements: tuple[Statement, ...] = ()
    context: Context = field(default_factory=dict)
    role_arn: str = ""
    service: str = ""

    @property
    def names(self) -> Names:
        """Return what policies can call it."""
        return Names(frozenset(arn for arn in (self.arn, self.role_arn) if arn), self.account, self.service)


@dataclass(frozen=True)
class Request:
    """What a principal wants to do.

    Attributes:
        action: such as ``s3:GetObject``.
        resource: an ARN, or ``*`` for an action that has no resource type.
        context: context keys about the request; those of the principal are added to them.
    """

    action: str
    resource: str
    context: Context
    principal: Principal

    def values(self, key: str) -> tuple[str, ...]:
        """Return the values of a context key; none if it is absent."""
        return self._values.get(key.lower(), ())

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        values: dict[str, tuple[str, ...]] = {}
        for context in (self.principal.context, self.context):
            for key, found in context.items():
                if values.setdefault(key.lower(), found) != found:
                    raise ValueError(f"{key} is {found} in the request and {values[key.lower()]} for its principal")
        return values


def matching(statements: Iterable[Statement], request: Request) -> tuple[Statement, ...]:
    """Return the statements that apply to a request, in their order."""
    return tuple(statement for statement in statements if statement.matches(request))


def evaluate(statements: Iterable[Statement], request: Request) -> Decision:
    """Return what the statements decide together about a request.

    Example:
        ``evaluate(parse_policy(document), Request("s3:GetObject", "arn:aws:s3:::shop/models/a", {}, principal))``

    Raises:
        PolicyError: a condition is not defined for the values of a context key.
    """
    effects = {statement.effect for statement in matching(statements, request)}
    if Effect.DENY in effects:
        return Decision.EXPLICIT_DENY
    return Decision.ALLOW if Effect.ALLOW in effects else Decision.IMPLICIT_DENY


def parse_policy(document: Any, kind: PolicyKind = PolicyKind.IDENTITY, *, source: str = "") -> tuple[Statement, ...]:
    """Return the statements of a policy document.

    Args:
        document: the parsed JSON, without intrinsic functions.
        kind: where the policy is attached.
        source: names the policy, for messages and reports.

    Raises:
        PolicyError: AWS refuses the document, or a part of it is not modelled.
    """
    try:
        return _parse_document(document, kind, source)
    except PolicyError as error:
        raise PolicyError(f"{source}: {error}" if source else str(error)) from error


def _parse_document(document: Any, kind: PolicyKind, source: str) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping) or document.keys() - {"Version", "Id", "Statement"}:
        raise PolicyError("a policy is an object with Version, Id and Statement")
    if "Id" in document and kind is PolicyKind.IDENTITY:
        raise PolicyError("an identity policy has no Id")
    version = document.get("Version", OLD_VERSION)
    if version not in (VERSION, OLD_VERSION):
        raise PolicyError(f'Version "{version}" is not {VERSION} or {OLD_VERSION}')
    bodies = _listed(document.get("Statement", []))
    if not bodies:
        raise PolicyError("the policy has no Statement")
    statements = tuple(_parse_statement(body, kind, source, variables=version == VERSION) for body in bodies)
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        raise PolicyError(f"two statements have the same Sid: {sids}")
    return statements


def _parse_statement(body: Any, kind: PolicyKind, source: str, *, variables: bool) -> Statement:
    if not isinstance(body, Mapping) or body.keys() - _ELEMENTS:
        raise PolicyError(f"{body!r} is not a statement of {sorted(_ELEMENTS)}")
    sid = body.get("Sid", "")
    where = f"statement {sid}" if sid else "a statement"
    try:
        effect = Effect(body.get("Effect"))
        actions, inverted_actions = _one_of(body, "Action", needed=True)
        resources, inverted_resources = _one_of(body, "Resource", needed=kind is not PolicyKind.TRUST)
        principal, inverted_principal = _one_of(body, "Principal", needed=kind is not PolicyKind.IDENTITY)
        if inverted_principal and effect is Effect.ALLOW:
            raise PolicyError("NotPrincipal works only with Deny")
        if not isinstance(sid, str) or (kind is not PolicyKind.RESOURCE and not _SID.fullmatch(sid)):
            raise PolicyError("a Sid has only letters and digits")
        return Statement(
            effect=effect,
            actions=tuple(_parse_action(text) for text in _listed(actions)),
            inverted_actions=inverted_actions,
            resources=tuple(_parse_resource(text, variables=variables) for text in _listed(resources or [])),
            inverted_resources=inverted_resources,
            principal=None if principal is None else parse_principal(principal),
            inverted_principal=inverted_principal,
            conditions=parse_conditions(body.get("Condition", {}), variables=variables),
            sid=sid,
            source=source,
        )
    except ValueError as error:
        raise PolicyError(f"{where}: {error}") from error


def _one_of(body: Mapping[str, Any], name: str, *, needed: bool) -> tuple[Any, bool]:
    """Return an element or its negation, and whether it is the negation."""
    present = [key for key in (name, f"Not{name}") if key in body]
    if len(present) != int(needed):
        raise PolicyError(f"needs exactly one of {name} and Not{name}" if needed else f"must not have {present}")
    if not needed:
        return None, False
    value = body[present[0]]
    if not value:
        raise PolicyError(f"{present[0]} is empty")
    return value, present[0] != name


def _parse_action(text: Any) -> Pattern:
    if not isinstance(text, str) or (text != "*" and not _ACTION.fullmatch(text)):
        raise PolicyError(f"{text!r} is not an action, such as s3:GetObject")
    return parse_pattern(text, variables=False)


def _parse_resource(text: Any, *, variables: bool) -> ArnPattern | None:
    if text == "*":
        return None
    if not isinstance(text, str):
        raise PolicyError(f"{text!r} is not an ARN")
    pattern = parse_arn_pattern(text, variables=variables)
    if any(part.has_variables for part in pattern.fields[:-1]):
        raise PolicyError(f'"{text}": policy variables are accepted only after the fifth colon')
    return pattern


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

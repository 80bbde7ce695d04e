"""The ``Principal`` and ``NotPrincipal`` elements of resource policies and trust policies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.cloud.iam.patterns import PolicyError

EVERYBODY = "*"
_ACCOUNT = re.compile(r"\d{12}")
_ACCOUNT_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")
_PRINCIPAL_ARN = re.compile(
    r"arn:[\w-]+:iam::\d{12}:(role|user)/[^*?]+|arn:[\w-]+:sts::\d{12}:(assumed-role|federated-user)/[^*?]+"
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True)
class Names:
    """What a principal can be called in a policy.

    Attributes:
        arns: of itself and of the role that it assumed.
        account: the id of its account; empty for a service.
        service: such as ``lambda.amazonaws.com``; empty for others.
    """

    arns: frozenset[str]
    account: str
    service: str = ""


@dataclass(frozen=True)
class PrincipalElement:
    """The principals that a statement names.

    Attributes:
        arns: roles, users and sessions.
        accounts: accounts, by id: each leaves the decision to the identity policies of its principals.
    """

    everybody: bool = False
    arns: frozenset[str] = field(default_factory=frozenset)
    accounts: frozenset[str] = field(default_factory=frozenset)
    services: frozenset[str] = field(default_factory=frozenset)

    def matches(self, names: Names) -> bool:
        """Return whether a principal, or its account, is among these."""
        return self.names_itself(names) or names.account in self.accounts

    def names_itself(self, names: Names) -> bool:
        """Return whether a principal is among these by more than its account."""
        return self.everybody or bool(self.arns & names.arns) or names.service in self.services

    def excepts(self, names: Names) -> bool:
        """Return whether ``NotPrincipal`` of these spares a principal.

        IAM may compare the account first, then the role, then the session, so all of them must be listed.
        """
        if self.everybody:
            return True
        if names.service:
            return names.service in self.services
        return names.account in self.accounts and names.arns <= self.arns


def parse_principal(element: Any) -> PrincipalElement:
    """Return the principals of a ``Principal`` or ``NotPrincipal`` element.

    Raises:
        PolicyError: a form that AWS refuses (such as a wildcard within an ARN) or that is not modelled.
    """
    if element == EVERYBODY:
        return PrincipalElement(everybody=True)
    if not isinstance(element, Mapping) or not element:
        raise PolicyError(f"Principal: {element!r} is neither * nor an object")
    if unknown := element.keys() - {"AWS", "Service"}:
        raise PolicyError(f"Principal: {sorted(unknown)} is not modelled; modelled are AWS and Service")
    names, services = _texts(element, "AWS"), _texts(element, "Service")
    arns, accounts = set(), set()
    for name in names:
        if _ACCOUNT.fullmatch(name):
            accounts.add(name)
        elif account := _ACCOUNT_ARN.fullmatch(name):
            accounts.add(account[1])
        elif _PRINCIPAL_ARN.fullmatch(name):
            arns.add(name)
        elif name != EVERYBODY:
            raise PolicyError(f'Principal: "{name}" is not an account, role, user or session (no wildcards in ARNs)')
    for service in services:
        if not _SERVICE.fullmatch(service):
            raise PolicyError(f'Principal: "{service}" is not a service, such as lambda.amazonaws.com')
    return PrincipalElement(EVERYBODY in names, frozenset(arns), frozenset(accounts), frozenset(services))


def _texts(element: Mapping[str, Any], key: str) -> list[str]:
    value = element.get(key, [])
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts) or (key in element and not texts):
        raise PolicyError(f"Principal: {key}: {value!r} is not a list of texts")
    return texts

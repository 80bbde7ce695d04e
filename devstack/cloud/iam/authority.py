"""Roles, managed policies and temporary credentials of a local cloud."""

import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.cloud.account import Account
from devstack.cloud.iam.policy import (
    Context,
    PolicyKind,
    Principal,
    Request,
    Statement,
    parse_policy,
)
from devstack.cloud.iam.quotas import INLINE_CHARACTERS, MANAGED_CHARACTERS, TRUST_CHARACTERS, check_size
from devstack.cloud.iam.trust import may_assume

SESSION_DURATION = timedelta(hours=1)
"""The default of ``sts:AssumeRole``."""
_ACCESS_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/(?:[\w+=,.@-]+/)*([\w+=,.@-]{1,64})", re.ASCII)
_ARN_ACCOUNT = re.compile(r"arn:[\w-]+:iam::(\d{12}):(?:root|role/.+|user/.+)")


class AccessDenied(Exception):
    """A role's trust policy does not let a principal assume it."""


class UnknownEntity(LookupError):
    """A role, a managed policy or an access key that does not exist."""


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials, as ``sts:AssumeRole`` returns them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True)
class _Role:
    arn: str
    name: str
    id: str
    account: str
    trust: tuple[Statement, ...]
    inline: tuple[Statement, ...]
    managed: tuple[str, ...]


@dataclass(frozen=True)
class _Session:
    credentials: Credentials
    role_arn: str
    name: str
    source_function_arn: str
    issued: datetime


class Authority:
    """Keeps roles and managed policies, and issues credentials; safe for use by several threads.

    Args:
        account: where the roles are.
        clock: returns the current time, with a time zone.

    Example:
        ``authority.assume(role_arn, "recommend", by="lambda.amazonaws.com")``
    """

    def __init__(self, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._roles: dict[str, _Role] = {}
        self._managed: dict[str, tuple[Statement, ...]] = {}
        self._sessions: dict[str, _Session] = {}

    def put_managed_policy(self, arn: str, document: Any) -> None:
        """Create or replace a managed policy; sessions that exist follow it at once.

        Raises:
            PolicyError: AWS refuses the document, or a part of it is not modelled.
        """
        statements = parse_policy(document, source=arn)
        check_size([document], MANAGED_CHARACTERS, arn)
        with self._lock:
            self._managed[arn] = statements

    def delete_managed_policy(self, arn: str) -> None:
        """Delete a managed policy.

        Raises:
            UnknownEntity: it does not exist.
            ValueError: a role has it, so AWS refuses to delete it (DeleteConflict).
        """
        with self._lock:
            if owners := [role.arn for role in self._roles.values() if arn in role.managed]:
                raise ValueError(f"{arn} is attached to {owners}; detach it first")
            if self._managed.pop(arn, None) is None:
                raise UnknownEntity(f"{arn} does not exist")

    def put_role(
        self, role_arn: str, trust_document: Any, documents: Mapping[str, Any], managed: Iterable[str] = ()
    ) -> None:
        """Create or replace a role; sessions that exist follow it at once.

        Args:
            role_arn: its ARN, with a path if it has one.
            trust_document: says who may assume the role.
            documents: inline policies, by name.
            managed: ARNs of managed policies, which must exist.

        Raises:
            PolicyError: AWS refuses a document, or a part of it is not modelled.
            UnknownEntity: a managed policy does not exist.
            ValueError: it is not the ARN of a role.
        """
        match = _ROLE_ARN.fullmatch(role_arn)
        if match is None:
            raise ValueError(f'"{role_arn}" is not the ARN of a role: arn:aws:iam::123456789012:role/name')
        account, name = match.groups()
        inline = [
            statement
            for policy, document in documents.items()
            for statement in parse_policy(document, source=f"{name}/{policy}")
        ]
        trust = parse_policy(trust_document, PolicyKind.TRUST, source=f"trust policy of {name}")
        check_size(list(documents.values()), INLINE_CHARACTERS, f"inline policies of {name}")
        check_size([trust_document], TRUST_CHARACTERS, f"trust policy of {name}")
        arns = tuple(managed)
        with self._lock:
            self._require_policies(arns)
            known = self._roles.get(role_arn)
            role_id = known.id if known else "AROA" + _random_letters(17)
            self._roles[role_arn] = _Role(role_arn, name, role_id, account, trust, tuple(inline), arns)

    def delete_role(self, role_arn: str) -> None:
        """Delete a role; its credentials stop working at once.

        Raises:
            UnknownEntity: it does not exist.
        """
        with self._lock:
            if self._roles.pop(role_arn, None) is None:
                raise UnknownEntity(f"{role_arn} does not exist")
            self._sessions = {key: session for key, session in self._sessions.items() if session.role_arn != role_arn}

    def assume(
        self,
        role_arn: str,
        session_name: str,
        *,
        by: str,
        duration: timedelta = SESSION_DURATION,
        source_function_arn: str = "",
        context: Context | None = None,
    ) -> Credentials:
        """Return credentials of a role for a principal that its trust policy names.

        Args:
            role_arn: the role.
            session_name: becomes the last part of the session's ARN.
            by: a service, such as ``lambda.amazonaws.com``, or the ARN of an account's root, a role or a user.
            duration: until the credentials expire.
            source_function_arn: the function that gets the credentials; the value of ``lambda:SourceFunctionArn``.
            context: context keys of the call, such as ``aws:SourceAccount``, for conditions of the trust policy.

        Raises:
            AccessDenied: the trust policy does not allow it.
            UnknownEntity: the role does not exist.
            ValueError: the session name is not one that AWS accepts, or `by` is another kind of ARN.
        """
        if not _SESSION_NAME.fullmatch(session_name):
            raise ValueError(f'"{session_name}" is not a session name: 2 to 64 letters, digits and +=,.@-')
        with self._lock:
            role = self._roles.get(role_arn)
        if role is None:
            raise UnknownEntity(f"{role_arn} does not exist")
        request = Request("sts:AssumeRole", role_arn, context or {}, self._caller(by))
        if not may_assume(role.trust, request):
            raise AccessDenied(f"{by} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")
        return self._issue(role_arn, session_name, duration, source_function_arn)

    def assume_with_policy_arns(self, name: str, arns: Iterable[str]) -> Credentials:
        """Return credentials of a new role that has only managed policies, for an actor such as the publisher.

        Args:
            name: of the actor; its role and session have this name.
            arns: the managed policies.

        Raises:
            UnknownEntity: a managed policy does not exist.
        """
        role_arn = self.account.iam_arn(f"role/{name}")
        owner = self.account.iam_arn("root")
        trust = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "sts:AssumeRole"}
        self.put_role(role_arn, {"Version": "2012-10-17", "Statement": trust}, {}, arns)
        return self.assume(role_arn, name, by=owner)

    def credentials_of(self, access_key_id: str) -> Credentials | None:
        """Return the credentials with an access key, expired or not; None if there are none."""
        with self._lock:
            session = self._sessions.get(access_key_id)
        return session.credentials if session else None

    def principal_of(self, access_key_id: str) -> Principal:
        """Return the principal that an access key belongs to, with the policies that its role has now.

        Raises:
            UnknownEntity: there is no such access key.
        """
        with self._lock:
            session = self._sessions.get(access_key_id)
            if session is None:
                raise UnknownEntity(f"there is no access key {access_key_id}")
            role = self._roles[session.role_arn]
            statements = self._statements_of(role)
        context = {
            "aws:PrincipalArn": (role.arn,),
            "aws:PrincipalAccount": (role.account,),
            "aws:PrincipalType": ("AssumedRole",),
            "aws:PrincipalIsAWSService": ("false",),
            "aws:userid": (f"{role.id}:{session.name}",),
            "aws:TokenIssueTime": (session.issued.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        }
        if session.source_function_arn:
            context["lambda:SourceFunctionArn"] = (session.source_function_arn,)
        return Principal(
            arn=f"arn:{self.account.partition}:sts::{role.account}:assumed-role/{role.name}/{session.name}",
            account=role.account,
            statements=statements,
            context=context,
            role_arn=role.arn,
        )

    def _caller(self, by: str) -> Principal:
        if not by.startswith("arn:"):
            return service_principal(by)
        match = _ARN_ACCOUNT.fullmatch(by)
        if match is None:
            raise ValueError(f'"{by}" is not the ARN of an account\'s root, a role or a user')
        with self._lock:
            role = self._roles.get(by)
            statements = self._statements_of(role) if role else ()
        context = {"aws:PrincipalArn": (by,), "aws:PrincipalAccount": (match[1],)}
        return Principal(arn=by, account=match[1], statements=statements, context=context)

    def _statements_of(self, role: _Role) -> tuple[Statement, ...]:
        return (*role.inline, *(statement for arn in role.managed for statement in self._managed[arn]))

    def _require_policies(self, arns: tuple[str, ...]) -> None:
        if unknown := [arn for arn in arns if arn not in self._managed]:
            raise UnknownEntity(f"managed policies {unknown} do not exist; put them with put_managed_policy first")

    def _issue(self, role_arn: str, name: str, duration: timedelta, source_function_arn: str) -> Credentials:
        now = self._clock()
        credentials = Credentials(
            access_key_id="ASIA" + _random_letters(16),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(120),
            expires=now + duration,
        )
        with self._lock:
            self._sessions[credentials.access_key_id] = _Session(credentials, role_arn, name, source_function_arn, now)
        return credentials


def service_principal(name: str) -> Principal:
    """Return an AWS service as the principal of a call: ``apigateway.amazonaws.com``, which invokes a function."""
    return Principal(
        service=name,
        context={"aws:PrincipalIsAWSService": ("true",), "aws:PrincipalServiceName": (name,)},
    )


def _random_letters(number: int) -> str:
    return "".join(secrets.choice(_ACCESS_KEY_LETTERS) for _ in range(number))

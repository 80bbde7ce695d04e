"""Decide whether a caller may do something: its own policies, the VPC endpoint's and the resource's.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. A Deny in any of them wins.
"""

from dataclasses import dataclass, field

from devstack.cloud.aws_door.call import Call, Context, KeyUse
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import access_denied
from devstack.cloud.aws_door.resource_policies import policy_of
from devstack.cloud.iam.policy import Effect, Principal, Request, Statement, matching
from devstack.cloud.resources import Resource


@dataclass(frozen=True)
class AccessDecision:
    """A decision that was made.

    Attributes:
        principal: the caller's ARN, or the name of a service.
        action: such as ``s3:GetObject``.
        resource: its ARN.
        allowed: the decision.
        statements: the statements that allowed it, or those that denied it: the name of the policy (a role and its
            policy, a managed policy's ARN, or the logical id of a resource) and the Sid.
        reason: in AWS's words, if it was refused.
    """

    principal: str
    action: str
    resource: str
    allowed: bool
    statements: tuple[tuple[str, str], ...]
    reason: str = ""


@dataclass(frozen=True)
class Caller:
    """Who calls, and from where.

    Attributes:
        endpoint: the VPC endpoint that the request came through, or None.
        context: the condition keys about the request that all services have.
    """

    principal: Principal
    endpoint: Resource | None = None
    context: Context = field(default_factory=dict)


class Authorizer:
    """Decides, and keeps its decisions.

    Attributes:
        decisions: all of them, in their order.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.decisions: list[AccessDecision] = []

    def require(self, caller: Caller, call: Call) -> None:
        """Return if the caller may do what the call asks for.

        Raises:
            Refused: it may not.
        """
        decision = self.decide(caller, call)
        if not decision.allowed:
            resource = f'"{call.resource}"' if call.service == "s3" else call.resource
            raise access_denied(call.service, _sentence(decision, resource))
        for use in call.key_uses:
            self.require_key(caller, use, call.service)

    def require_key(self, caller: Caller, use: KeyUse, service: str) -> None:
        """Return if a service may use a KMS key with the caller's rights.

        Raises:
            Refused: it may not.
        """
        context = {
            "kms:ViaService": (use.service,),
            "kms:CallerAccount": (caller.principal.account,),
            "kms:EncryptionContextKeys": tuple(use.context),
            **{f"kms:EncryptionContext:{name}": (value,) for name, value in use.context.items()},
        }
        call = Call("kms", use.action, use.key, self._catalogue.key(use.key), context)
        # The service calls KMS, not through the caller's VPC endpoint.
        direct = {
            name: value for name, value in caller.context.items() if name not in {"aws:SourceVpce", "aws:SourceVpc"}
        }
        through = Caller(caller.principal, None, direct | {"aws:ViaAWSService": ("true",)})
        decision = self.decide(through, call)
        if not decision.allowed:
            message = _sentence(decision, use.key) if service == "s3" else "Access to KMS is not allowed"
            raise access_denied(service, message)

    def decide(self, caller: Caller, call: Call) -> AccessDecision:
        """Return and keep the decision about one action.

        Raises:
            PolicyError: a policy has a part that is not modelled.
        """
        principal = caller.principal
        request = Request(call.action, call.resource, {**caller.context, **call.context}, principal)
        by_identity = matching(principal.statements, request)
        by_resource = matching(policy_of(call.owner, self._catalogue) if call.owner else (), request)
        by_endpoint = matching(policy_of(caller.endpoint, self._catalogue) if caller.endpoint else (), request)
        sides = (
            (by_endpoint, "a VPC endpoint policy"),
            (by_resource, "a resource-based policy"),
            (by_identity, "an identity-based policy"),
        )
        reason = next((f"with an explicit deny in {name}" for side, name in sides if _having(side, Effect.DENY)), "")
        effect = Effect.DENY if reason else Effect.ALLOW
        if not reason and caller.endpoint and not by_endpoint:
            reason = f"because no VPC endpoint policy allows the {call.action} action"
        if not reason:
            reason = self._missing_grant(principal, call, by_identity, by_resource)
        decided = (
            () if reason and effect is Effect.ALLOW else _having((*by_identity, *by_endpoint, *by_resource), effect)
        )
        decision = AccessDecision(
            principal.arn or principal.service,
            call.action,
            call.resource,
            not reason,
            tuple((statement.source, statement.sid) for statement in decided),
            reason,
        )
        self.decisions.append(decision)
        return decision

    def _missing_grant(
        self,
        principal: Principal,
        call: Call,
        by_identity: tuple[Statement, ...],
        by_resource: tuple[Statement, ...],
    ) -> str:
        """Return why neither identity nor resource policy grants the action, or "" if they do.

        Within an account one of both is enough, except for KMS: a key's policy must grant the action itself, or leave
        the decision to the account's identity policies. From another account both are needed.
        """
        # An Allow for the account only leaves the decision to the identity policies in it.
        granted_itself = any(statement.names_itself(principal) for statement in by_resource)
        same_account = principal.account == self._catalogue.account.id
        if (same_account or principal.service) and granted_itself:
            return ""
        needs_resource = call.service == "kms" or not same_account
        if needs_resource and not by_resource:
            return f"because no resource-based policy allows the {call.action} action"
        if not by_identity:
            return f"because no identity-based policy allows the {call.action} action"
        return ""


def _having(statements: tuple[Statement, ...], effect: Effect) -> tuple[Statement, ...]:
    return tuple(statement for statement in statements if statement.effect is effect)


def _sentence(decision: AccessDecision, resource: str) -> str:
    who, action = decision.principal, decision.action
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} {decision.reason}"

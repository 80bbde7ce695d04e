"""Decide whether a principal may assume a role."""

from devstack.cloud.iam.policy import Decision, Request, Statement, evaluate, matching


def may_assume(trust: tuple[Statement, ...], request: Request) -> bool:
    """Return whether a request for ``sts:AssumeRole`` is allowed.

    If a trust policy names only the account of a role or user, the policies of that role or user decide.
    """
    caller = request.principal
    own = evaluate(caller.statements, request)
    if evaluate(trust, request) is not Decision.ALLOW or own is Decision.EXPLICIT_DENY:
        return False
    named = any(statement.names_itself(caller) for statement in matching(trust, request))
    return named or caller.arn.endswith(":root") or own is Decision.ALLOW

"""All checks by one name: what holds for the stack under every choice of parameters."""

from collections.abc import Callable

from tests.template import permissions, running, safety
from tests.template.stack import Stack

Check = Callable[[Stack], list[str]]

CHECKS: tuple[Check, ...] = (
    permissions.wide_permissions,
    permissions.open_to_others,
    permissions.roles_for_more_than_services,
    safety.public_buckets,
    safety.unencrypted_at_rest,
    safety.unencrypted_in_transit,
    safety.careless_logs,
    running.cold_start_conflicts,
    running.missing_handlers,
    running.unwatched_releases,
    running.versions_unwatched,
    running.dangling_references,
    running.open_routes,
)


def faults(stack: Stack) -> list[str]:
    """What every check finds."""
    return [f"{check.__name__}: {fault}" for check in CHECKS for fault in check(stack)]

"""All checks of a stack; they hold for every combination of parameters."""

from collections.abc import Callable

from devstack.template.stack import Stack
from tests.template import ordering, permissions, running, safety, write_once

Check = Callable[[Stack], list[str]]

CHECKS: tuple[Check, ...] = (
    permissions.wide_permissions,
    permissions.open_to_others,
    permissions.roles_for_others,
    write_once.overwritable_objects,
    safety.public_buckets,
    safety.names_that_outlive_their_stack,
    safety.unencrypted_at_rest,
    safety.unencrypted_in_transit,
    safety.unprotected_logs,
    running.cold_start_conflicts,
    running.missing_handlers,
    running.releases_without_checks,
    running.versions_without_alarms,
    running.dangling_references,
    running.open_routes,
    ordering.versions_without_a_way_out,
    ordering.invocations_without_permission,
    ordering.scaling_without_its_target,
)


def faults(stack: Stack) -> list[str]:
    """Return the faults that the checks find."""
    return [f"{check.__name__}: {fault}" for check in CHECKS for fault in check(stack)]

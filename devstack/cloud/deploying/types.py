"""All modelled types of resources but nested stacks, which `stacks` makes itself."""

from devstack.cloud.deploying import (
    api,
    bucket,
    encryption,
    events,
    functions,
    identity,
    logs,
    monitoring,
    network,
    releases,
    state_machines,
    store,
)
from devstack.cloud.deploying.resource_type import ResourceType

TYPES: dict[str, ResourceType] = {
    resource_type.name: resource_type
    for module in (
        *(api, bucket, encryption, events, functions, identity, logs, monitoring, network, releases, state_machines),
        store,
    )
    for resource_type in module.TYPES
}
"""By name."""

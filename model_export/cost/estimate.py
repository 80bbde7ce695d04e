"""What a deployment costs in a month at list price, from its traffic and its catalogue. Knows no command line.

An estimate to choose by, not a bill: no free tier, no data transfer, no tax. Prices are `observability.prices`, dated.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from observability import prices
from observability.billing import monitoring_cost

Strategy = Literal["none", "provisioned", "snapstart", "managed-instances"]
StoreKind = Literal["serverless", "nodes"]
Architecture = Literal["x86_64", "arm64"]

SECONDS = 30 * 86_400
"""Of a month."""
HOURS = 720
REQUEST_MS = 0.7
"""What a request takes beside scoring, the store on loopback (`python -m bench.function.warm`)."""
STORE_MS = 0.6
"""A round trip to a store in the VPC, besides."""
MS_PER_ITEM = 2.0e-6
"""Of scoring, one core, hidden size 128 (`python -m bench.engine.latency --catalogue 5000000`; fewer items take less
each)."""
SESSION_KB = 4.0
"""Of a session with a full window, its snapshot and its last recommendations (`python -m
bench.store.append_script`)."""
LOG_KB = 2.8
"""A metrics record, an access log entry and Lambda's own lines."""
ECPU_PER_REQUEST = 5
"""The append returns up to 4 KB, the snapshot is one more."""
EVENTS_PER_SESSION = 5.0
"""Where the number of sessions is not given: many shops' average."""
VCPU_MB = 1769
"""The least memory that comes with a whole vCPU.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
TRACED_SHARE = 0.05
"""Of requests beyond the first in a second, which is traced always: X-Ray's rule where nobody sets another.
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""
MAX_MB = 10_240
RUNTIME_MB = 120
"""Beside the model (`python -m bench.function.memory_size`)."""
BYTES_PER_WEIGHT = 3.0
"""Rows in float16 and an inverted file, as large catalogues get them (`python -m bench.engine.cost`)."""
HIDDEN = 128
HEADROOM = 1.3
ZONES = 2
UTILISATION = 0.7
"""Of provisioned concurrency, at which the template scales out; of an instance's processors, likewise."""
FEWEST_INSTANCES = 3
"""One in each of three availability zones.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html"""
INSTANCE_VCPUS, INSTANCE_MB = 2, 8192
"""Of the large size of a general family."""
MANAGED_ENDPOINTS = 2
"""Logs and traces: an instance in a private subnet has no other way to them."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be priced.

    Attributes:
        rps: requests a second, averaged over the month.
        peak: busiest second over the average.
        catalogue: items.
        sessions_per_day: sessions that begin in 24 hours.
        memory_mb: of the function; None takes the least that fits the catalogue, and a whole vCPU.
        strategy: against cold starts.
        store: kind of the cache.
        architecture: processor.
        versions: pairs of model version and variant that answer within the month: each is billed metrics.
    """

    rps: float
    peak: float = 3.0
    catalogue: int = 20_000
    sessions_per_day: float | None = None
    memory_mb: int | None = None
    strategy: Strategy = "none"
    store: StoreKind = "serverless"
    architecture: Architecture = "x86_64"
    versions: int = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars a month by line, and what they were computed from."""

    lines: dict[str, float]
    memory_mb: int
    milliseconds: float
    requests: float

    @property
    def total(self) -> float:
        """Of all lines."""
        return sum(self.lines.values())

    @property
    def per_million(self) -> float:
        """Of the total, for a million requests."""
        return self.total / self.requests * 1e6


def memory_for(catalogue: int) -> int:
    """Return the least memory (MB) that holds the model and comes with a whole vCPU.

    Raises:
        ValueError: no function has so much.
    """
    model = catalogue * HIDDEN * BYTES_PER_WEIGHT / 2**20
    needed = ceil((RUNTIME_MB + model) * HEADROOM)
    if needed > MAX_MB:
        raise ValueError(f"{catalogue:,} items need {needed:,} MB, and a function has at most {MAX_MB:,}")
    return max(VCPU_MB, needed)


def cost_of(deployment: Deployment) -> Cost:
    """Return what a deployment costs in a month of 30 days.

    Raises:
        ValueError: the catalogue fits no function, or no instance that it knows.
    """
    memory = deployment.memory_mb or memory_for(deployment.catalogue)
    milliseconds = REQUEST_MS + STORE_MS + deployment.catalogue * MS_PER_ITEM
    requests = deployment.rps * SECONDS
    gigabyte_seconds = requests * billed_gigabyte_seconds(milliseconds, memory)
    monitoring = monitoring_cost(deployment.versions)
    lines = {
        "Lambda requests": requests * prices.LAMBDA_REQUEST,
        **_compute(deployment, memory, milliseconds, gigabyte_seconds),
        "HTTP API": requests * prices.HTTP_API_REQUEST,
        **_store(deployment, requests),
        "Logs": requests * LOG_KB / 2**20 * prices.LOG_GB,
        "Traces": (SECONDS * min(1.0, deployment.rps) + TRACED_SHARE * SECONDS * max(0.0, deployment.rps - 1))
        * prices.TRACE,
        "Custom metrics": monitoring.metrics,
        "Alarms": monitoring.alarms,
        "Secrets endpoint, secret, key": ZONES * HOURS * prices.INTERFACE_ENDPOINT_HOUR
        + prices.SECRET_MONTH
        + prices.KEY_MONTH,
    }
    return Cost(lines, memory, milliseconds, requests)


def billed_gigabyte_seconds(milliseconds: float, memory_mb: int) -> float:
    """Return what Lambda bills for a time: whole milliseconds begun, at the memory of the function, used or not."""
    return max(1, ceil(milliseconds)) / 1000 * memory_mb / 1024


def _compute(deployment: Deployment, memory: int, milliseconds: float, gigabyte_seconds: float) -> dict[str, float]:
    arm = deployment.architecture == "arm64"
    if deployment.strategy == "managed-instances":
        return _instances(deployment, memory, milliseconds)
    on_demand = prices.LAMBDA_ARM_GB_SECOND if arm else prices.LAMBDA_GB_SECOND
    if deployment.strategy == "provisioned":
        at_once = ceil(deployment.rps * deployment.peak * milliseconds / 1000 / UTILISATION)
        kept = prices.PROVISIONED_ARM_GB_SECOND if arm else prices.PROVISIONED_GB_SECOND
        used = prices.PROVISIONED_ARM_DURATION_GB_SECOND if arm else prices.PROVISIONED_DURATION_GB_SECOND
        return {
            "Lambda duration": gigabyte_seconds * used,
            f"Provisioned concurrency ({at_once})": at_once * SECONDS * memory / 1024 * kept,
        }
    lines = {"Lambda duration": gigabyte_seconds * on_demand}
    if deployment.strategy == "snapstart":
        lines["SnapStart cache"] = SECONDS * memory / 1024 * prices.SNAPSTART_CACHE_GB_SECOND
    return lines


def _instances(deployment: Deployment, memory: int, milliseconds: float) -> dict[str, float]:
    """EC2's price and Lambda's share of it; what runs there is not billed by its time."""
    if memory > INSTANCE_MB:
        raise ValueError(f"{memory:,} MB need larger instances than this knows prices of ({INSTANCE_MB:,} MB)")
    arm = deployment.architecture == "arm64"
    busy = deployment.rps * deployment.peak * milliseconds / 1000 / UTILISATION
    count = max(FEWEST_INSTANCES, ceil(busy / INSTANCE_VCPUS))
    name, hour = ("m7g.large", prices.M7G_LARGE_HOUR) if arm else ("m7i.large", prices.M7I_LARGE_HOUR)
    return {
        f"Managed instances ({count} x {name})": count * HOURS * hour * (1 + prices.MANAGED_INSTANCES_FEE),
        "Endpoints for logs and traces": MANAGED_ENDPOINTS * ZONES * HOURS * prices.INTERFACE_ENDPOINT_HOUR,
    }


def _store(deployment: Deployment, requests: float) -> dict[str, float]:
    if deployment.store == "nodes":
        return {"Valkey nodes (2 x cache.t4g.small)": ZONES * HOURS * prices.VALKEY_NODE_HOUR}
    sessions = deployment.sessions_per_day
    if sessions is None:
        sessions = deployment.rps * 86_400 / EVENTS_PER_SESSION
    gigabytes = max(prices.VALKEY_SERVERLESS_MINIMUM_GB, sessions * SESSION_KB / 2**20)
    return {
        "Valkey serverless, data": gigabytes * HOURS * prices.VALKEY_SERVERLESS_GB_HOUR,
        "Valkey serverless, ECPU": requests * ECPU_PER_REQUEST / 1e6 * prices.VALKEY_SERVERLESS_MILLION_ECPU,
    }

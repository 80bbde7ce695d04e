"""Estimate the monthly cost of a deployment at list prices from its traffic and its catalogue.

An estimate to compare choices with, not a bill: no free tier, no data transfer, no tax.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from model_export.cost import prices
from model_export.cost.learning import Loop, learning_cost
from model_export.cost.monitoring import monitoring_cost

Strategy = Literal["none", "provisioned", "snapstart", "managed-instances"]
StoreKind = Literal["serverless", "nodes"]
Architecture = Literal["x86_64", "arm64"]

HOURS = 720
SECONDS = HOURS * 3600
"""Seconds of a month."""
REQUEST_MS = 0.7
"""Time of a request without scoring, with a store on loopback (`python -m bench.function.warm`)."""
STORE_MS = 0.6
"""Additional time of a round trip to a store in the VPC."""
SCORING_MS, MS_PER_ITEM = 0.11, 2.1e-6
"""Scoring on one core, hidden size 256, from 10,000 to a million items (`python -m bench.engine.latency`)."""
LOGGED_KB = 4.2
"""A session with a full window and its last recommendations, without its snapshot (`bench.store.append_script`)."""
LOG_KB = 2.8
"""Per request: a metrics record, an access log entry and Lambda's own lines."""
TREND_ECPU = 1
"""Of the count of what trends. An ECPU is a command that moves up to 1 KB."""
EVENTS_PER_SESSION = 5.0
"""Assumed where the number of sessions is not an input."""
VCPU_MB = 1769
"""The minimum memory that comes with a whole vCPU.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
MAX_MB = 10_240
TRACED_SHARE = 0.05
"""X-Ray's default rule traces the first request of each second and this share of the others.
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""
RUNTIME_MB = 120
"""Memory of a function without its model (`python -m bench.function.memory_size`)."""
BYTES_PER_WEIGHT = 3.0
"""Rows in int16 and an inverted file, which large catalogues get (`python -m bench.engine.cost`)."""
HIDDEN, HIDDEN_OF_FEW, FEW_ITEMS = 256, 512, 20_000
"""Hidden size of the model that `nextitem train` makes by default, two networks in one, and that for so few items where
there is time: with more than some 200,000 next items there is not, and the estimate is too high."""
FLOAT_BYTES = 4
HEADROOM = 1.3
ZONES = 2
UTILISATION = 0.7
"""The utilisation of provisioned concurrency at which the template scales out; assumed for instances too."""
MINIMUM_INSTANCES = 3
"""One in each of three availability zones.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html"""
INSTANCE_VCPUS, INSTANCE_MB = 2, 8192
"""The large size of a general-purpose family."""
MANAGED_ENDPOINTS = 2
"""Logs and traces: an instance in a private subnet reaches both through interface endpoints only."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment to price.

    Attributes:
        rps: mean requests per second over the month.
        peak: requests of the busiest second, as a multiple of the mean.
        catalogue: number of items.
        sessions_per_day: sessions that begin in 24 hours.
        memory_mb: of the function; None takes `memory_for(catalogue)`.
        strategy: against cold starts.
        store: kind of the cache.
        architecture: processor.
        versions: pairs of model version and variant that answer within the month; each has metrics of its own.
        learning: whether the learning loop runs.
        training_hours: of one training job of that loop.
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
    learning: bool = False
    training_hours: float = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars a month by line, and the figures behind them."""

    lines: dict[str, float]
    memory_mb: int
    milliseconds: float
    requests: float

    @property
    def total(self) -> float:
        """The sum of all lines."""
        return sum(self.lines.values())

    @property
    def per_million(self) -> float:
        """The total divided by millions of requests."""
        return self.total / self.requests * 1e6


def hidden_for(catalogue: int) -> int:
    """Return the largest hidden size that default settings take: see `FEW_ITEMS`."""
    return HIDDEN_OF_FEW if catalogue <= FEW_ITEMS else HIDDEN


def memory_for(catalogue: int) -> int:
    """Return the minimum memory (MB) that holds the model and comes with a whole vCPU.

    Raises:
        ValueError: the catalogue needs more memory than Lambda offers.
    """
    model = catalogue * hidden_for(catalogue) * BYTES_PER_WEIGHT / 2**20
    needed = ceil((RUNTIME_MB + model) * HEADROOM)
    if needed > MAX_MB:
        raise ValueError(f"{catalogue:,} items need {needed:,} MB, and a function has at most {MAX_MB:,}")
    return max(VCPU_MB, needed)


def cost_of(deployment: Deployment) -> Cost:
    """Return the cost of a deployment in a month of 30 days.

    Raises:
        ValueError: the catalogue fits no function, or no instance with a known price.
    """
    memory = deployment.memory_mb or memory_for(deployment.catalogue)
    milliseconds = REQUEST_MS + STORE_MS + SCORING_MS + deployment.catalogue * MS_PER_ITEM
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
        **(learning_cost(_loop(deployment, requests, memory)) if deployment.learning else {}),
    }
    return Cost(lines, memory, milliseconds, requests)


def _loop(deployment: Deployment, requests: float, memory: int) -> Loop:
    return Loop(requests, deployment.training_hours, memory, deployment.versions)


def billed_gigabyte_seconds(milliseconds: float, memory_mb: int) -> float:
    """Return Lambda's price of a duration: it rounds up to whole milliseconds and bills the configured memory."""
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
    """Return EC2's price and Lambda's fee; on these instances Lambda does not bill durations."""
    if memory > INSTANCE_MB:
        raise ValueError(f"{memory:,} MB need larger instances than those with a known price ({INSTANCE_MB:,} MB)")
    arm = deployment.architecture == "arm64"
    busy = deployment.rps * deployment.peak * milliseconds / 1000 / UTILISATION
    count = max(MINIMUM_INSTANCES, ceil(busy / INSTANCE_VCPUS))
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
    snapshot_kb = hidden_for(deployment.catalogue) * FLOAT_BYTES / 1024
    session_kb = LOGGED_KB + snapshot_kb
    ecpu = ceil(session_kb) + ceil(snapshot_kb) + TREND_ECPU  # the append returns all of it, then the snapshot is set
    gigabytes = max(prices.VALKEY_SERVERLESS_MINIMUM_GB, sessions * session_kb / 2**20)
    return {
        "Valkey serverless, data": gigabytes * HOURS * prices.VALKEY_SERVERLESS_GB_HOUR,
        "Valkey serverless, ECPU": requests * ecpu / 1e6 * prices.VALKEY_SERVERLESS_MILLION_ECPU,
    }

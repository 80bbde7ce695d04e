"""Every metric that the service emits, described once for telemetry, alarms and dashboards.

AWS bills each value of a dimension as a metric of its own, so only metrics that are compared per version or per source
have those dimensions. Every set begins with the stack: several stacks in one account share the namespace, and the
alarms of one must not see the requests of another.
"""

from typing import Literal

import msgspec

NAMESPACE = "nextitem"

Unit = Literal["Count", "Milliseconds", "None"]
DimensionSet = tuple[str, ...]

OVERALL: DimensionSet = ("stack",)
BY_VERSION: DimensionSet = ("stack", "model_version", "variant")
BY_SOURCE: DimensionSet = ("stack", "served_by")
BY_PLACEMENT: DimensionSet = ("stack", "placement")
"""Only for the placements that `settings.Settings.placements` names."""
DIMENSION_SETS = (OVERALL, BY_VERSION, BY_SOURCE, BY_PLACEMENT)

SLOW_MS = 150.0
"""The service level: an answer that takes longer, its cold start included, is slow."""


class Metric(msgspec.Struct, frozen=True):
    """One metric.

    Attributes:
        name: as in the log and in CloudWatch.
        unit: CloudWatch's name of its unit.
        meaning: what one value says.
        sets: the dimension sets that it is emitted in.
        always: whether every request's record has it; else only those that it applies to.
    """

    name: str
    unit: Unit
    meaning: str
    sets: tuple[DimensionSet, ...] = (OVERALL,)
    always: bool = True


_PER_VERSION = (OVERALL, BY_VERSION)
_PER_PLACEMENT = (OVERALL, BY_VERSION, BY_PLACEMENT)

REQUESTS = Metric("requests", "Count", "1 for each request", (OVERALL, BY_VERSION, BY_SOURCE))
TOTAL = Metric("total_ms", "Milliseconds", "time inside the function, without its start", _PER_VERSION)
SLOW = Metric(
    "slow", "Count", f"1 if the answer took over {SLOW_MS:g} ms, a cold start that it waited for included", _PER_VERSION
)
SERVER_ERRORS = Metric("server_errors", "Count", "1 if the answer was a 5xx", _PER_VERSION)
REFUSED = Metric("refused", "Count", "1 if the answer was a 4xx")
STORE_READ = Metric("store_read_ms", "Milliseconds", "waiting for the session store's append or load")
INFERENCE = Metric("inference_ms", "Milliseconds", "stepping and scoring")
STORE_WRITE = Metric(
    "store_write_ms",
    "Milliseconds",
    "sending the snapshot and reading the reply to an earlier one, or deleting a session",
)
RESTORE = Metric("restore_ms", "Milliseconds", "until the hidden state is there: read and replay", always=False)
STORE_FAULTS = Metric("store_faults", "Count", "faults of the session store that the answer survived")
REPLAYED = Metric("replayed_events", "Count", "events stepped to restore the hidden state", always=False)
UNKNOWN = Metric("unknown_items", "Count", "new events whose item the model does not know", always=False)
DUPLICATES = Metric("duplicate_events", "Count", "events that the session had already", always=False)
LATE = Metric("late_events", "Count", "events that happened before the session's newest", always=False)
TOP_SCORE = Metric(
    "top_score", "None", "score of the first recommendation (logarithm of a probability)", _PER_VERSION, always=False
)
SCORE_SPREAD = Metric(
    "score_spread", "None", "score of the first recommendation less that of the last", _PER_VERSION, always=False
)
LABELS = Metric("labels", "Count", "1 if a new event gives feedback on the answer before it", _PER_VERSION, False)
HITS = Metric(
    "hits_20", "Count", "1 if the item of that event was among the first 20 of that answer", _PER_VERSION, False
)
RECIPROCAL_RANK = Metric(
    "reciprocal_rank",
    "None",
    "1 / the rank of that item among the first 20 of that answer, 0 beyond",
    _PER_VERSION,
    False,
)
CLICKS = Metric("clicks", "Count", "events that name the answer which recommended their item", _PER_PLACEMENT, False)
CART_CONVERSIONS = Metric(
    "cart_conversions", "Count", "items put in the cart by an event that names an answer", _PER_PLACEMENT, False
)
PURCHASE_CONVERSIONS = Metric(
    "purchase_conversions", "Count", "items bought by an event that names an answer", _PER_PLACEMENT, False
)
LIKE_CONVERSIONS = Metric("like_conversions", "Count", "items liked by an event that names an answer", always=False)
COLD_STARTS = Metric("cold_start", "Count", "1 if the request waited for a cold start")
COLD_PROCESS = Metric("cold_process_start_ms", "Milliseconds", "from spawn to our first import", always=False)
COLD_IMPORT = Metric("cold_import_ms", "Milliseconds", "imports", always=False)
COLD_MODEL = Metric("cold_model_load_ms", "Milliseconds", "fetching, opening and checking the models", always=False)
COLD_FIRST = Metric("cold_first_request_ms", "Milliseconds", "the first request itself", always=False)
COLD_RESTORE = Metric("cold_restore_ms", "Milliseconds", "our hooks after SnapStart's restore", always=False)
ROUTE_FAULTS = Metric(
    "route_faults", "Count", "1 when the route, a model of it or the key secret could not be used", always=False
)

METRICS: tuple[Metric, ...] = (
    REQUESTS,
    TOTAL,
    SLOW,
    SERVER_ERRORS,
    REFUSED,
    STORE_READ,
    INFERENCE,
    STORE_WRITE,
    RESTORE,
    STORE_FAULTS,
    REPLAYED,
    UNKNOWN,
    DUPLICATES,
    LATE,
    TOP_SCORE,
    SCORE_SPREAD,
    LABELS,
    HITS,
    RECIPROCAL_RANK,
    CLICKS,
    CART_CONVERSIONS,
    PURCHASE_CONVERSIONS,
    LIKE_CONVERSIONS,
    COLD_STARTS,
    COLD_PROCESS,
    COLD_IMPORT,
    COLD_MODEL,
    COLD_FIRST,
    COLD_RESTORE,
    ROUTE_FAULTS,
)

DRIFT_PSI = Metric(
    "drift_psi",
    "None",
    "PSI beyond chance of the distribution that moved most, of those that notify; smoothed",
    _PER_VERSION,
    False,
)
DRIFT_UNKNOWN = Metric(
    "drift_unknown_rise",
    "None",
    "rise of the share of events with unknown items above that of the training's last days, at least; smoothed",
    _PER_VERSION,
    False,
)
HIT_RATE_SHORTFALL = Metric(
    "hit_rate_shortfall",
    "None",
    "share of the hit rate that the profile promises which is missing online, at least; smoothed",
    _PER_VERSION,
    False,
)
ONLINE_HIT_RATE = Metric(
    "online_hit_rate", "None", "online hit@20 of the lake's sessions; smoothed", (BY_VERSION,), False
)

LAKE_EVENTS = Metric("lake_events", "Count", "events that a run of the collector brought into the lake", always=False)
LAKE_LOST = Metric(
    "lake_lost", "Count", "entries that a run found to be lost before they reached the lake", always=False
)
LAKE_STREAMS_LEFT = Metric(
    "lake_streams_left", "Count", "streams that a run did not reach, or whose server did not answer", always=False
)
GUARDS_UNMEASURED = Metric(
    "guards_unmeasured", "Count", "1 if a look had to go on without measurements of its guard rails", always=False
)

LEARNING_METRICS: tuple[Metric, ...] = (
    *(DRIFT_PSI, DRIFT_UNKNOWN, HIT_RATE_SHORTFALL, ONLINE_HIT_RATE),
    *(LAKE_EVENTS, LAKE_LOST, LAKE_STREAMS_LEFT, GUARDS_UNMEASURED),
)
"""Emitted by the functions of the learning loop, never by a request."""

OVERLOADED = Metric(
    "overloaded", "Count", "1 if the request was refused because too many were waiting already", always=False
)

CONTAINER_METRICS: tuple[Metric, ...] = (OVERLOADED,)
"""Emitted by the container's entry point only."""

PHASE_METRICS = (STORE_READ, INFERENCE, STORE_WRITE)
CONVERSION_METRICS = {"cart": CART_CONVERSIONS, "purchase": PURCHASE_CONVERSIONS, "like": LIKE_CONVERSIONS}
"""By the type of the event."""

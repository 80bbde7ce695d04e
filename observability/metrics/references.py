"""References to metrics. A reference to a metric that the function does not emit in those dimensions is refused."""

from dataclasses import dataclass

from nextitem.telemetry.metrics import (
    CONTAINER_METRICS,
    LEARNING_METRICS,
    METRICS,
    NAMESPACE,
    OVERALL,
    DimensionSet,
    Metric,
)

Dimensions = tuple[tuple[str, str], ...]
STACK = "${StackName}"
"""The value of the first dimension of our metrics: a parameter of the template."""


class NotEmitted(ValueError):
    """The function does not emit that metric, or not in those dimensions."""


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """One of our metrics, with one value for each dimension: `OwnMetric(REQUESTS, BY_SOURCE, ("popular",))`.

    Attributes:
        metric: as described in `nextitem.telemetry.metrics`.
        dimension_set: one of the metric's.
        values: of the set's dimensions after the first, which is the stack.

    Raises:
        NotEmitted: the metric is not described, or not emitted in that set, or a value is missing.
    """

    metric: Metric
    dimension_set: DimensionSet = OVERALL
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_emitted(self.metric, self.dimension_set)
        if len(self.values) != len(self.dimension_set) - 1:
            needed = ", ".join(self.dimension_set[1:]) or "no value"
            raise NotEmitted(f"{self.metric.name} by {self.dimension_set} needs {needed}, but has {self.values}")

    @property
    def namespace(self) -> str:
        """CloudWatch's namespace."""
        return NAMESPACE

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def dimensions(self) -> Dimensions:
        """Names and values."""
        return tuple(zip(self.dimension_set, (STACK, *self.values), strict=True))


@dataclass(frozen=True, slots=True)
class AwsMetric:
    """A metric that an AWS service emits; `aws_metrics` lists them.

    Attributes:
        namespace: CloudWatch's.
        name: the metric's.
        dimensions: names and values; a value may name template parameters, ``${FunctionName}``.
        source: the page of AWS's documentation that describes it.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    source: str


MetricReference = OwnMetric | AwsMetric


def check_emitted(metric: Metric, dimension_set: DimensionSet) -> None:
    """Check that the function emits a metric in a dimension set.

    Raises:
        NotEmitted: it does not.
    """
    if metric not in (*METRICS, *LEARNING_METRICS, *CONTAINER_METRICS):
        raise NotEmitted(f"{metric.name} is in none of the lists of nextitem.telemetry.metrics")
    if dimension_set not in metric.sets:
        raise NotEmitted(f"{metric.name} is not emitted by {', '.join(dimension_set)}; add that set to the metric")

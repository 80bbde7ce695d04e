"""References to metrics. One to a metric that nobody emits, or not in those dimensions, cannot be made.

Knows no alarm and no dashboard.
"""

from dataclasses import dataclass

from nextitem.telemetry.metrics import METRICS, NAMESPACE, OVERALL, SERVICE, DimensionSet, Metric

Dimensions = tuple[tuple[str, str], ...]


class NotEmitted(ValueError):
    """The code does not emit that metric, or not in those dimensions."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """One of our own metrics, for one value of each dimension of a set that it is emitted in.

    Args:
        metric: as described in `nextitem.telemetry.metrics`.
        dimension_set: one of the metric's.
        values: of the set's dimensions after the first, which is the service.

    Raises:
        NotEmitted: the metric is not described, or not emitted in that set, or a value is missing.
    """

    metric: Metric
    dimension_set: DimensionSet = OVERALL
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_emitted(self.metric, self.dimension_set)
        if len(self.values) != len(self.dimension_set) - 1:
            raise NotEmitted(f"{self.metric.name} by {self.dimension_set} has no values {self.values}")

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
        return tuple(zip(self.dimension_set, (SERVICE, *self.values), strict=True))


@dataclass(frozen=True, slots=True)
class FromAws:
    """A metric that an AWS service emits; the list of them is in `aws`.

    Attributes:
        namespace: CloudWatch's.
        name: the metric's.
        dimensions: names and values; a value may name template parameters, ``${FunctionName}``.
        source: the page of AWS's documentation that says so.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    source: str


Reference = Emitted | FromAws


def check_emitted(metric: Metric, dimension_set: DimensionSet) -> None:
    """Refuse a metric that is not emitted in a dimension set.

    Raises:
        NotEmitted: it is not.
    """
    if metric not in METRICS:
        raise NotEmitted(f"nothing emits {metric.name}")
    if dimension_set not in metric.sets:
        raise NotEmitted(f"{metric.name} is not emitted by {', '.join(dimension_set)}")

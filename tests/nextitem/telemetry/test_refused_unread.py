"""A request that there was no room for is counted, and measured by nothing else."""

from collections.abc import Mapping

from nextitem.telemetry.record import RequestRecord, Telemetry


class KeepingSink:
    """Keeps the values of each record."""

    def __init__(self) -> None:
        self.values: list[dict[str, float]] = []

    def prepare(self) -> None:
        """See `MetricsSink`."""

    def write(
        self, dimensions: Mapping[str, str], values: Mapping[str, float], properties: Mapping[str, str | int]
    ) -> None:
        """See `MetricsSink`."""
        self.values.append(dict(values))


def test_a_refused_request_has_no_times_and_is_not_the_first_one() -> None:
    sink = KeepingSink()
    telemetry = Telemetry({"import": 12.5}, "shop", sink=sink)
    refused = RequestRecord()
    refused.is_refused_unread = True
    telemetry.emit(refused, 503)
    telemetry.emit(RequestRecord(), 200)

    assert sink.values[0] == {"requests": 1, "server_errors": 1, "overloaded": 1}
    assert sink.values[1]["cold_import_ms"] == 12.5
    assert "total_ms" in sink.values[1]

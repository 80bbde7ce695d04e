"""Where metrics records go: to the log in CloudWatch's embedded metric format (EMF), or to a sink of the same form."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Protocol


class MetricsSink(Protocol):
    """Takes the metrics records of a process."""

    def prepare(self) -> None:
        """Do the slow part of the first `write` beforehand."""

    def write(
        self, dimensions: Mapping[str, str], values: Mapping[str, float], properties: Mapping[str, str | int]
    ) -> None:
        """Write one record. It may raise: `Telemetry` writes such a record to stderr.

        Args:
            dimensions: value of each dimension, the stack among them.
            values: value of each metric, by names described in `telemetry.metrics`; times are milliseconds.
            properties: further fields, for searching a log.
        """


class EmfSink:
    """Writes each record to stdout as a log line that CloudWatch takes metrics from."""

    def prepare(self) -> None:
        """Import the metrics of Powertools (4 ms)."""
        importlib.import_module("nextitem.telemetry.serializer")

    def write(
        self, dimensions: Mapping[str, str], values: Mapping[str, float], properties: Mapping[str, str | int]
    ) -> None:
        """Write one record, with Lambda's trace id where active tracing sets it."""
        from nextitem.telemetry.serializer import serialize  # Powertools: see `prepare`

        trace = os.environ.get("_X_AMZN_TRACE_ID", "").partition("Root=")[2].partition(";")[0]
        if trace:
            properties = {**properties, "trace_id": trace}
        rounded = {name: round(value, 3) for name, value in values.items()}
        sys.stdout.write(serialize(dimensions, rounded, properties) + "\n")

"""A publisher for tests that are not about verdicts."""

from pathlib import Path

from nextitem.registry.experiment import Kind
from nextitem.registry.publisher import Publisher
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Override


def unrecorded(_reason: str) -> None:
    """Let a version take traffic without a verdict, and record nothing."""


class UnjudgedPublisher(Publisher):
    """A `Publisher` whose versions need no verdict."""

    def promote(
        self,
        version: str,
        folder: Path,
        *,
        exclude_seen: bool | None = None,
        explore: float | None = None,
        override: Override | None = None,
    ) -> Route:
        return super().promote(
            version, folder, exclude_seen=exclude_seen, explore=explore, override=override or unrecorded
        )

    def start_experiment(
        self,
        version: str,
        share: float,
        folder: Path,
        kind: Kind = "canary",
        *,
        experiment_id: str | None = None,
        override: Override | None = None,
    ) -> Route:
        return super().start_experiment(
            version, share, folder, kind, experiment_id=experiment_id, override=override or unrecorded
        )

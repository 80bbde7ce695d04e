"""Publishers for tests that are about neither verdicts nor certificates."""

from collections.abc import Callable
from pathlib import Path

from nextitem.registry.publisher import Publisher
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Override


def unrecorded(_reason: str) -> None:
    """Let a version take traffic without a verdict, and record nothing."""


class UnjudgedPublisher(Publisher):
    """A publisher whose versions need no verdict."""

    def _require_verdict(self, version: str, live: Route | None, override: Override | None) -> None:
        super()._require_verdict(version, live, override or unrecorded)


class CertifiedPublisher(Publisher):
    """A publisher for which each version is published and passes its certificate."""

    def _check(self, version: str, folder: Path) -> Callable[[], object]:
        return lambda: (version, folder)


class TrustingPublisher(UnjudgedPublisher, CertifiedPublisher):
    """A publisher that asks for neither a verdict nor a certificate."""

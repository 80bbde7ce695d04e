"""Write the registry: publish versions, and decide which of them a route serves. Never imported on the request path.

A version is written once and its manifest last, so the registry has a version whole or not at all. `route_changes`
says how a route changes. During an experiment both versions have passed their certificates and are joined with the
route's catalogue, so neither needs a check when it takes or loses sessions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nextitem.aws.object_store import ObjectStore
from nextitem.catalogue.new_rows import RowsOfItems, no_rows
from nextitem.errors import InputError, RouteConflict, VersionNotFound
from nextitem.model.engine import Model
from nextitem.model.manifest import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.experiment import CHALLENGER, CHAMPION, Kind, check_share, new_experiment
from nextitem.registry.history import ReadDocument
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import Route, Variant, route_key
from nextitem.registry.route_changes import RouteChanges
from nextitem.registry.verdicts import Override, Verdict, require_verdict
from nextitem.registry.version_files import published_manifests, upload_version


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version in the registry, its manifest, its share of the route's sessions (0 to 1), and its verdict, if any."""

    version: str
    manifest: Manifest
    share: float
    verdict: Verdict | None = None


class Publisher:
    """Publishes versions and changes one route.

    Args:
        bucket: the registry's bucket.
        route: the route's name.
        now: the clock for a route's `changed`.
        rows: computes the rows of a catalogue's new items.

    Example:
        >>> publisher = Publisher(BotoObjectStore("shop-models"))
        >>> publisher.promote(publisher.publish(Path("out/v59d8f80b305e2ad3")), folder=Path("/tmp/check"))
    """

    def __init__(
        self,
        bucket: ObjectStore,
        route: str = "live",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rows: RowsOfItems = no_rows,
    ) -> None:
        self._bucket = bucket
        self._route = route
        self._now = now
        self._rows = rows
        self._changes = RouteChanges(bucket, route, now)

    def publish(self, folder: Path) -> str:
        """Upload an artifact and return its version. Files that the registry has already are not changed.

        Raises:
            ArtifactCorrupt: a file differs from the manifest.
            VersionExists: the registry has other content under this version.
            RegistryUnavailable: the bucket cannot be used.
        """
        return upload_version(self._bucket, folder)

    def versions(self) -> list[PublishedVersion]:
        """Return all versions with a manifest, sorted by the end of their training data, newest first.

        Other objects, and manifests that cannot be used, are logged and left out.
        """
        live = self.current()
        shares = {variant.version: variant.weight for variant in live.variants} if live else {}
        published = [
            PublishedVersion(version, manifest, shares.get(version, 0.0), verdict)
            for version, manifest, verdict in published_manifests(self._bucket)
        ]
        return sorted(published, key=lambda item: (-item.manifest.training.last, item.version))

    def current(self) -> Route | None:
        """Read the route; return None before the first promotion."""
        return self._changes.read().document

    def promote(
        self,
        version: str,
        folder: Path,
        *,
        exclude_seen: bool | None = None,
        explore: float | None = None,
        override: Override | None = None,
    ) -> Route:
        """Check a version's whole certificate, join it with the route's catalogue, if any, and give it all traffic.

        Do nothing if the route says so already. An experiment that runs is ended, whichever version is promoted.
        If another version is live, this one needs a passing verdict beside it, unless it takes traffic already, as the
        challenger of an experiment does.

        Args:
            version: a published version.
            folder: the local folder of fetched versions.
            exclude_seen: sets `Route.exclude_seen`; None leaves it as it is.
            explore: sets `Route.explore`, 0 to 1; None leaves it as it is.
            override: see `Override`; None refuses a version without a passing verdict.

        Raises:
            VersionNotFound: it is not published.
            ArtifactCorrupt: it fails its digests or its certificate.
            NotJudged: it has no passing verdict beside the live version.
            RouteConflict: the route was changed meanwhile.
        """
        read = self._changes.read()
        join_again = self._check(version, folder)
        self._require_verdict(version, read.document, override)
        live = read.document
        settings = exclude_seen in {None, live.exclude_seen} and explore in {None, live.explore} if live else False
        if live is not None and live.versions == {version} and settings:
            return live
        route = self._changes.give_all(read, version, exclude_seen=exclude_seen, explore=explore)
        join_again()  # a catalogue that was published meanwhile is joined with the previous models only
        return route

    def rollback(self, folder: Path) -> Route:
        """Restore the previous version of the route; a second rollback restores the one before it.

        While an experiment runs, it is ended, and its champion, which was live before it, gets all traffic.

        The version is joined with the route's catalogue as it is now: a catalogue has its own rollback.
        `Route.exclude_seen` and `explore` stay as they are: they are about the shop's pages, not about a version.

        A version that was not on the route must pass its whole certificate, as for `promote`.

        Args:
            folder: the local folder of fetched versions.

        Raises:
            VersionNotFound: there is no previous version, or it is not published.
            ArtifactCorrupt: the version fails its digests or its certificate.
            RouteConflict: the route was changed meanwhile.
        """
        read = self._changes.read()
        live = read.document
        if live is None:
            raise VersionNotFound(f"{route_key(self._route)} is not in the bucket: there is nothing to roll back")
        if live.experiment is not None:
            return self._changes.give_all(read, live.champion.version)
        previous = self._changes.previous(live)
        version = previous.champion.version
        join_again = self._check(version, folder)
        route = self._changes.give_all(read, version, restores=previous.restores or previous.revision)
        join_again()
        return route

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
        """Check a version as `promote` does, and let it take a share of the sessions from the live version.

        Args:
            version: a published version, the challenger.
            share: of the sessions, over 0, at most 1.
            folder: the local folder of fetched versions.
            kind: whether the challenger answers these sessions, or both versions do.
            experiment_id: the experiment's id, for a call that may be repeated: it changes nothing if this experiment
                runs already. None for a new one.
            override: see `Override`; None refuses a version without a passing verdict.

        Raises:
            InputError: the share or the id is not one, or the version is live already.
            VersionNotFound: it is not published, or the route has no live version to compare with.
            ArtifactCorrupt: it fails its digests or its certificate.
            NotJudged: it has no passing verdict beside the live version.
            RouteConflict: an experiment runs already, or the route was changed meanwhile.
        """
        check_share(share)
        experiment = new_experiment(kind, self._now(), experiment_id)
        read = self._changes.read()
        live = read.document
        if live is None:
            raise VersionNotFound(f"{route_key(self._route)} is not in the bucket: `nextitem promote` a version first")
        if live.experiment is not None:
            running = live.experiment.experiment
            if running == experiment_id and version in live.versions:
                return live
            raise RouteConflict(f"experiment {running} runs on route {self._route}; stop it before another one starts")
        if live.versions == {version}:
            raise InputError(f"{version} is live on route {self._route} already; an experiment needs another version")
        join_again = self._check(version, folder)
        self._require_verdict(version, live, override)
        variants = _arms(live.champion, version, share)
        route = self._changes.write(read, variants, experiment)
        join_again()
        return route

    def set_share(self, experiment: str, share: float) -> Route:
        """Change the challenger's share of the sessions; do nothing if it has that share.

        Args:
            experiment: the id of the experiment that runs.
            share: of the sessions, over 0, at most 1.

        Raises:
            InputError: it is not a share.
            RouteConflict: another experiment runs, or none does, or the route was changed meanwhile.
        """
        check_share(share)
        read = self._changes.read()
        live, challenger = self._running(read, experiment)
        variants = _arms(live.champion, challenger.version, share)
        if live.variants == variants:
            return live
        return self._changes.write(read, variants, live.experiment)

    def end_experiment(self, experiment: str, folder: Path, *, promote: bool) -> Route:
        """End an experiment: its challenger or its champion gets all sessions.

        A challenger must pass its certificate once more. A champion is not checked: it serves already, and nothing may
        delay the end of a bad challenger.

        Args:
            experiment: the id of the experiment that runs.
            folder: the local folder of fetched versions.
            promote: whether the challenger gets them.

        Raises:
            ArtifactCorrupt: the challenger fails its digests or its certificate.
            RouteConflict: another experiment runs, or none does, or the route was changed meanwhile.
        """
        read = self._changes.read()
        live, challenger = self._running(read, experiment)
        if not promote:
            return self._changes.give_all(read, live.champion.version)
        join_again = self._check(challenger.version, folder)
        route = self._changes.give_all(read, challenger.version)
        join_again()
        return route

    def _running(self, read: ReadDocument[Route], experiment: str) -> tuple[Route, Variant]:
        """Return the route and the challenger of an experiment that runs; see `set_share` for the error."""
        live = read.document
        running = None if live is None or live.experiment is None else live.experiment.experiment
        challenger = None if live is None else live.challenger
        if live is None or challenger is None or running != experiment:
            now = f"experiment {running} runs" if running else "no experiment runs"
            raise RouteConflict(f"experiment {experiment} does not run on route {self._route} any more: {now}")
        return live, challenger

    def _require_verdict(self, version: str, live: Route | None, override: Override | None) -> None:
        """Check the verdict of a version that takes no traffic yet, if another version does."""
        if live is not None and version not in live.versions:
            require_verdict(self._bucket, version, live.champion.version, self._now(), override)

    def _check(self, version: str, folder: Path) -> Callable[[], object]:
        """Check digests and certificate; join with the catalogue. Return a call that joins with a later one, too."""
        # The folder's copy may come from another bucket.
        if self._bucket.read(model_key(version, MANIFEST), MAX_MANIFEST_BYTES) is None:
            raise VersionNotFound(f"the registry has no version {version}; `nextitem versions` lists those that it has")
        Model(Registry(self._bucket, folder).fetch(version))
        catalogues = CataloguePublisher(self._bucket, folder, self._route, self._rows)
        joined = catalogues.join_models([version])
        return lambda: catalogues.join_models([version], joined)


def _arms(champion: Variant, challenger: str, share: float) -> tuple[Variant, ...]:
    """Return the variants of an experiment."""
    return (Variant(CHAMPION, champion.version, 1 - share), Variant(CHALLENGER, challenger, share))

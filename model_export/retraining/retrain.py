"""Retrain from the lake: contracts, preparation, training, export, publication, gate.

The version that is judged is the version that ships. It is judged on the last 24 hours, and trained on what came before
them; it is not trained again on all days, because then no one would have judged what takes traffic (decision 40).

A run that is stopped has changed nothing before the publication. A run after it starts from the beginning: the same
events give the same version, whose publication and verdict are then repeated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.duckdb_engine import duckdb_engine
from model_export.data.ingestion.pipeline import IngestionProgress
from model_export.data.ingestion.prepare import Preparation, prepare
from model_export.data.ingestion.reader import read_files, read_sessions
from model_export.data.layout import Layout
from model_export.data.split import DAY_SECONDS
from model_export.export.export import export
from model_export.lake.note import lost_since
from model_export.progress import Phase, Unwatched, Work
from model_export.retraining.comparison import CANDIDATE, REFERENCE
from model_export.retraining.contracts import Contract, Surroundings, check_contracts, require_contracts
from model_export.retraining.fetch import LAKE_LAYOUT, days_until, fetch_lake
from model_export.retraining.gate import gate
from model_export.retraining.settings import LakeSettings, RetrainSettings
from model_export.training.config import FitConfig
from model_export.training.run_folder import read_run
from model_export.training.run_training import train
from model_export.training.training_lines import TrainingLines
from nextitem.aws.object_store import ObjectStore
from nextitem.model.manifest import VOCABULARY, Bounds
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry
from nextitem.registry.verdicts import Verdict

PREPARED, RUN, ARTIFACTS, FETCHED, LAKE = "prepared", "run", "artifacts", "fetched", "lake"
"""Folders of a retraining: `nextitem prepare`'s, `nextitem train`'s, `nextitem export`'s, and those of the live version
and of the lake's files."""
PREPARED_LAYOUT = Layout(type="type")
TRAINING, EXPORTING = "training", "exporting"


@dataclass(frozen=True)
class Retrained:
    """The result: the published version, its verdict, the contracts and the preparation."""

    version: str
    verdict: Verdict
    contracts: tuple[Contract, ...]
    preparation: Preparation

    def as_json(self) -> dict[str, Any]:
        """Return the result as its JSON document."""
        return {
            "version": self.version,
            "passed": self.verdict.passed,
            "verdict": self.verdict,
            "contracts": self.contracts,
            "preparation": self.preparation,
        }


def retrain(
    bucket: ObjectStore,
    out: Path,
    settings: RetrainSettings | None = None,
    *,
    route: str = "live",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    work: Work | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Retrained:
    """Train a version from the lake, publish it without traffic, and judge it beside the live version.

    Args:
        bucket: has the lake and the registry.
        out: an empty folder, or a new one: it then has the lake's files, the preparation, the run and the artifact.
        settings: all settings.
        route: the route whose live version the new one is compared with.
        now: the clock.
        work: follows the progress.
        say: prints a line.

    Returns:
        What was made, also if the gate refuses the version.

    Raises:
        ContractsBroken: the events must not be trained on.
        InputError: they cannot be trained on, or `out` is taken.
        BoundsMissed: no scoring scheme keeps the bounds of the export.
        RegistryError: the bucket cannot be used.
    """
    chosen, watched = settings or RetrainSettings(), work or Unwatched()
    out.mkdir(parents=True, exist_ok=True)
    began = now()
    files = fetch_lake(
        bucket, out / FETCHED / LAKE, chosen.lake.days, began, _Stages(watched, (TRAINING, EXPORTING, CANDIDATE))
    )
    watched.begin("checking the contracts")
    known = live_items(bucket, route, out / FETCHED)
    first_day = days_until(began, chosen.lake.days)[-1]
    around = Surroundings(int(began.timestamp() * 1000), known, lost_since(bucket, first_day))
    contracts = check_contracts(files, chosen.limits, around)
    require_contracts(contracts)
    preparation = prepare_lake(out / FETCHED / LAKE, out / PREPARED, chosen.lake, watched)
    judged = (CANDIDATE,) if known is None else (CANDIDATE, REFERENCE)
    artifact = train_and_export(out, chosen.fit, _Stages(watched, (EXPORTING, *judged)), say, _Stages(watched, judged))
    watched.begin(f"publishing {artifact.name}")
    version = Publisher(bucket, route).publish(artifact)
    test = read_sessions(out / PREPARED / preparation.test.file, PREPARED_LAYOUT)
    verdict = gate(
        bucket,
        version,
        test,
        out / FETCHED,
        deployment_leaves_out_seen=chosen.deployment_leaves_out_seen,
        route=route,
        rules=chosen.rules,
        now=now,
        work=watched,
    )
    return Retrained(version, verdict, contracts, preparation)


def live_items(bucket: ObjectStore, route: str, folder: Path) -> Sequence[str] | None:
    """Return the items of a route's live version; None without one.

    Args:
        bucket: the registry's bucket.
        route: the route.
        folder: the local folder of fetched versions.

    Raises:
        RegistryError: the version cannot be fetched.
    """
    current = Publisher(bucket, route).current()
    if current is None:
        return None
    vocabulary = Vocabulary(Registry(bucket, folder).fetch(current.champion.version).path(VOCABULARY))
    return [item.decode() for item in vocabulary.encoded_ids()]


def prepare_lake(lake: Path, out: Path, settings: LakeSettings, work: Work) -> Preparation:
    """Prepare the lake's files for the gate: train ends where the test days begin, and test keeps unknown items.

    The test days end with the newest event. UTC days would not do: shortly after midnight the last one has
    some minutes, which judge nothing, and the one before it would cost the training its newest day.

    Args:
        lake: the folder of the files.
        out: the new folder.
        settings: the rules.
        work: follows the progress.

    Raises:
        InputError: the events are wrong, one side would be empty, or `out` is taken.
    """
    test_from = newest_arrival(lake) / 1000 - settings.test_days * DAY_SECONDS if settings.test_days else None
    config = PrepareConfig(
        LAKE_LAYOUT, settings.min_support, test_days=settings.test_days, test_from=test_from, for_gate=True
    )
    with duckdb_engine() as engine:
        return prepare(engine, [str(lake)], str(out), config, IngestionProgress(work))


def newest_arrival(lake: Path) -> int:
    """Return when the newest event of a lake's files arrived, in epoch milliseconds of the store's clock."""
    with duckdb.connect() as connection:
        files = str(lake / "**" / "*.parquet")
        query = "SELECT coalesce(max(arrived_at), 0) FROM read_parquet($files)"
        return int(connection.execute(query, {"files": files}).fetchall()[0][0])


def train_and_export(out: Path, fit: FitConfig, work: Work, say: Callable[[str], None], exporting: Work) -> Path:
    """Train on the prepared events, and export the run; return the artifact's folder.

    Args:
        out: the folder of the retraining, with a preparation in it.
        fit: the settings of the training.
        work: follows the training.
        say: prints a line for each epoch.
        exporting: follows the export.

    Raises:
        InputError: the events cannot be trained on, or the run's folder is taken.
        BoundsMissed: no scoring scheme keeps the bounds.
    """
    work.begin("reading the training events")
    sessions, _figures = read_files([str(out / PREPARED / "train.parquet")], PREPARED_LAYOUT)
    train(sessions, fit, out / RUN, TrainingLines(work, say))
    return export(read_run(out / RUN), out / ARTIFACTS, Bounds(), exporting)


class _Stages:
    """A `Work` whose plans name the stages that come later, so that its estimate says what it does not contain."""

    def __init__(self, work: Work, later: Sequence[str]) -> None:
        self._work, self._later = work, [Phase(name, 1) for name in later]
        self.begin, self.step = work.begin, work.step

    def plan(self, phases: Sequence[Phase]) -> None:
        """See `Progress`."""
        self._work.plan([*phases, *self._later])

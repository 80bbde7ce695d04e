"""Write the mirror of a registry into MLflow's model registry. The bucket is never changed.

Only what differs is written, so a run may be repeated, and one that is interrupted is finished by the next. Each
version is a model version with tags, and a run, which has its metrics: a model version of MLflow has none of its own.
"""

import time
from typing import TYPE_CHECKING

import msgspec

from model_export.tracking.client import open_client
from model_export.tracking.entries import CHALLENGER, CHAMPION, PUBLISHED, VERSION, Entry, Mirrored
from model_export.tracking.reason import reason_of
from nextitem.errors import InputError, RegistryUnavailable

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

MODEL = "nextitem.model"
"""Tag of a run: the registered model that it belongs to."""
PAGE = 100
"""Model versions of one answer."""


class Changes(msgspec.Struct, frozen=True):
    """What a run of the mirror wrote.

    Attributes:
        model: the registered model's name.
        added: versions that it had not.
        updated: versions with other tags or metrics.
        removed: versions that it has and the bucket has no more; they stay, with the tag ``nextitem.published`` false.
        aliases: the versions of its aliases, after the run.
    """

    model: str
    added: tuple[str, ...]
    updated: tuple[str, ...]
    removed: tuple[str, ...]
    aliases: dict[str, str]


def write_mirror(uri: str, model: str, wanted: Mirrored) -> Changes:
    """Make a registered model of MLflow say what a registry says.

    Args:
        uri: address of the tracking server, or ``sqlite:///FILE``.
        model: the registered model's name; it is made if there is none.
        wanted: what it shall say. Tags, metrics and aliases with other names stay.

    Raises:
        InputError: the server does not answer, or the file is no database.
        RegistryUnavailable: it failed later.
        ModuleNotFoundError: mlflow is not installed.
    """
    try:
        client, experiment = open_client(uri)
    except ModuleNotFoundError as error:
        if error.name == "mlflow":
            raise
        raise InputError(f"MLflow at {uri} cannot be used: {reason_of(error)}") from error
    except Exception as error:  # MLflow passes on errors of requests, SQLAlchemy, Alembic and drivers
        raise InputError(f"MLflow at {uri} cannot be used: {reason_of(error)}") from error
    try:
        return _Mirror(client, experiment, model).write(wanted)
    except Exception as error:
        raise RegistryUnavailable(
            f"MLflow at {uri} has failed: {reason_of(error)}; run the mirror again, it goes on where this one stopped"
        ) from error


class _Mirror:
    def __init__(self, client: "MlflowClient", experiment: str, model: str) -> None:
        self._client, self._experiment, self._model = client, experiment, model

    def write(self, wanted: Mirrored) -> Changes:
        if not self._client.search_registered_models(filter_string=f"name = '{self._model}'"):
            self._client.create_registered_model(self._model)
        known = self._known()
        added = tuple(entry.version for entry in wanted.entries if entry.version not in known)
        for entry in wanted.entries:
            if entry.version in added:
                known[entry.version] = self._add(entry)
        updated = tuple(entry.version for entry in wanted.entries if self._update(known[entry.version], entry))
        published = {entry.version for entry in wanted.entries}
        removed = tuple(version for version in known if version not in published)
        for version in removed:
            self._tag(known[version], {PUBLISHED: "false"})
        self._set_aliases({alias: known[version] for alias, version in wanted.aliases.items() if version in known})
        changed = tuple(version for version in updated if version not in added)
        return Changes(self._model, added, changed, removed, self._aliases(known))

    def _known(self) -> "dict[str, ModelVersion]":
        """Return the model versions by the names that they have in the bucket; of two of one name, the older one."""
        found: list[ModelVersion] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(
                f"name = '{self._model}'", max_results=PAGE, page_token=token, order_by=["version_number ASC"]
            )
            found += page
            token = page.token
            if not token:
                break
        ours: dict[str, ModelVersion] = {}
        for each in sorted(found, key=lambda each: int(each.version)):
            if VERSION in each.tags:
                ours.setdefault(each.tags[VERSION], each)
        return ours

    def _add(self, entry: Entry) -> "ModelVersion":
        tags = {VERSION: entry.version, MODEL: self._model}
        run_filter = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs = self._client.search_runs([self._experiment], run_filter, max_results=1)  # of a run that was interrupted
        run = runs[0] if runs else self._client.create_run(self._experiment, run_name=entry.version, tags=tags)
        self._client.set_terminated(run.info.run_id)
        return self._client.create_model_version(
            self._model, entry.source, run_id=run.info.run_id, tags={VERSION: entry.version}
        )

    def _update(self, version: "ModelVersion", entry: Entry) -> bool:
        """Write tags and metrics that differ; return whether there were any."""
        from mlflow.entities import Metric

        is_tagged = self._tag(version, entry.tags)
        if version.run_id is None:  # a person made it
            return is_tagged
        known = self._client.get_run(version.run_id).data.metrics
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, 0) for name, value in entry.metrics.items() if known.get(name) != value]
        if metrics:
            self._client.log_batch(version.run_id, metrics=metrics)
        return is_tagged or bool(metrics)

    def _tag(self, version: "ModelVersion", tags: dict[str, str]) -> bool:
        missing = {name: value for name, value in tags.items() if version.tags.get(name) != value}
        for name, value in missing.items():
            self._client.set_model_version_tag(self._model, version.version, name, value)
        return bool(missing)

    def _set_aliases(self, wanted: "dict[str, ModelVersion]") -> None:
        now = self._client.get_registered_model(self._model).aliases
        for alias in (CHAMPION, CHALLENGER):
            version = wanted.get(alias)
            if version is None and alias in now:
                self._client.delete_registered_model_alias(self._model, alias)
            elif version is not None and str(now.get(alias)) != str(version.version):
                self._client.set_registered_model_alias(self._model, alias, version.version)

    def _aliases(self, known: "dict[str, ModelVersion]") -> dict[str, str]:
        names = {str(each.version): version for version, each in known.items()}
        aliases = self._client.get_registered_model(self._model).aliases
        return {alias: names[str(aliases[alias])] for alias in (CHAMPION, CHALLENGER) if alias in aliases}

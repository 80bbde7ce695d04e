"""Command `compare`: two artifacts on the same sessions."""

from collections.abc import Iterator
from typing import Annotated

import typer

from model_export.cli.comparison import show_comparison
from model_export.cli.console import print_json, progress, read_events, warn
from model_export.cli.options import ArtifactFolder, ExcludeSeen, Json, LayoutOptions
from model_export.data.sessions import Sessions
from model_export.evaluation.event_types import unlike_types
from model_export.evaluation.unlike_items import MISSES, unlike_items
from model_export.evaluation.versions import compare_versions
from model_export.progress import Phase
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model


def compare(
    reference: ArtifactFolder,
    candidate: ArtifactFolder,
    events: Annotated[list[str], typer.Option(help="Test events; may be repeated.", show_default=False)],
    layout: LayoutOptions,
    exclude_seen: ExcludeSeen = False,
    as_json: Json = False,
) -> None:
    """Compare two artifacts on the same sessions, with intervals of the difference.

    Both rank the same next items with the engine that serves; items that one does not know are misses for it, so
    artifacts of different catalogues can be compared.
    """
    models = [Model(open_artifact(folder)) for folder in (reference, candidate)]
    first, second = models
    if first.version == second.version:
        raise InputError(f"both artifacts are {first.version}: there is nothing to compare")
    test, _figures = read_events(events, layout.layout)
    warn(_learned(models, test))
    warn(sentence for model in models for sentence in unlike_types(test, model.version, model.manifest))
    for model in models:
        warn(unlike_items(test, model.version, model.vocabulary, MISSES))
    with progress() as view:
        view.plan([Phase(model.version, len(test)) for model in models])
        result = compare_versions(first, second, test, exclude_seen=exclude_seen, progress=view.step)
    if as_json:
        print_json(result)
    else:
        show_comparison(result)


def _learned(models: list[Model], test: Sessions) -> Iterator[str]:
    """Yield a warning for each version that may have been trained on some of the sessions; none without a calendar."""
    if not test.is_epoch:
        return
    for model in models:
        before = int((test.starts <= model.manifest.training.last).sum())
        if before:
            yield (
                f"{before} of {len(test)} sessions begin before the end of {model.version}'s training: it may have "
                "learned them by heart"
            )

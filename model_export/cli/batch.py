"""Command `batch`: the recommendations of every session of event files, without a server."""

import os
from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, read_events, say, warn
from model_export.cli.options import EventFiles, ExcludeSeen, Json, LayoutOptions, check_artifact
from model_export.cli.outcome import all_or_nothing
from model_export.evaluation.event_types import unlike_types
from model_export.evaluation.unlike_items import unlike_items
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP

SUFFIX = ".parquet"


def batch(
    events: EventFiles,
    artifact: Annotated[
        Path,
        typer.Option(help="The artifact's folder, named by its version.", show_default=False, callback=check_artifact),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.", show_default=False)],
    layout: LayoutOptions,
    limit: Annotated[int, typer.Option(min=1, max=MAX_TOP, help="Number of recommendations for each session.")] = 20,
    exclude_seen: ExcludeSeen = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; by default one for each core.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the recommendations of every session of event files: session_id, rank, item_id, score.

    They are those of the service for the newest 64 events of the session, among the items of the model: no catalogue is
    read. For one list for each user, name the user's
    column with --session-column.
    """
    if out.suffix != SUFFIX:
        raise InputError(f"{out}: the recommendations are Parquet; name a file that ends with {SUFFIX}")
    all_or_nothing(out)
    model = Model(open_artifact(artifact))  # checks all golden sessions
    version, manifest, vocabulary = model.version, model.manifest, model.vocabulary
    del model  # each process opens its own
    sessions, _ = read_events(events, layout.layout)
    warn(unlike_types(sessions, version, manifest))
    warn(unlike_items(sessions, version, vocabulary, "change no recommendation"))
    from model_export.batch.ranking import Options
    from model_export.batch.run import write_recommendations

    count = processes or os.cpu_count() or 1
    with progress() as view:
        written = write_recommendations(sessions, artifact, Options(limit, exclude_seen), out, count, view)
    if written.known < written.sessions:
        unknown = written.sessions - written.known
        say(f"{unknown:,} sessions have no item that {version} knows: they get its most popular items")
    if as_json:
        print_json({"file": str(out), "version": version, **written._asdict()})
        return
    say(f"{out}: {written.rows:,} recommendations for {written.sessions:,} sessions, by {version}")

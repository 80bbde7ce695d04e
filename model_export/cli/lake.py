"""Commands ``lake``: collect events from the session store, merge files, forget deleted sessions and old days."""

import time
from dataclasses import asdict
from itertools import count
from typing import Annotated

import typer

from model_export.cli.console import print_json, say, waiting, warn
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, StoreUrlText
from nextitem.errors import InputError
from nextitem.redis_client.url import parse_store_url

RETENTION_DAYS = 400
"""More than a year: a model may learn from the same season of last year."""


def collect(
    registry: BucketOptions,
    store_url: StoreUrlText = None,
    buckets: Annotated[
        int, typer.Option(envvar="NEXTITEM_LAKE_BUCKETS", min=1, max=9999, help="The function's number of streams.")
    ] = 256,
    as_json: Json = False,
) -> None:
    """Bring all events that wait in the session store into the lake, the folder lake/ of the bucket.

    Run it every few minutes, where the store can be reached. A run that is stopped loses nothing. Two runs at a time
    write no event twice.
    """
    if not store_url:
        raise InputError("no session store: set --store-url or NEXTITEM_STORE_URL to the function's value")
    # Imported lazily: `--help` must not wait for DuckDB.
    from model_export.lake.rounds import collect_round
    from model_export.lake.valkey_streams import ValkeyStreams

    lake, streams = registry.store(), ValkeyStreams(parse_store_url(store_url), registry.region or "")
    begun = count(1)
    try:
        with waiting("collecting") as show:

            def is_over() -> bool:
                show(f"collecting: stream {next(begun)} of {buckets}")
                return False

            counts = collect_round(streams, lake, buckets, is_over=is_over, report=lambda _counts: None)
    finally:
        streams.close()
    result = {name.removeprefix("lake_"): number for name, number in counts.items()}
    say(f"{result['events']} events and {result['deletions']} deletions are new in the lake")
    if result["unreadable"]:
        warn([f"{result['unreadable']} entries cannot be read: another version of nextitem wrote them"])
    if result["lost"]:
        warn([f"{result['lost']} events are newly known to be lost: run this command more often"])
    if result["streams_left"]:
        warn([f"{result['streams_left']} streams could not be read: run this command again"])
    if as_json:
        print_json(result)


def compact(
    registry: BucketOptions,
    retention_days: Annotated[
        int, typer.Option(min=1, max=36_600, help="Files of older days are deleted.")
    ] = RETENTION_DAYS,
    as_json: Json = False,
) -> None:
    """Remove deleted sessions and old days from the lake, and merge the files of each hour.

    Run it once a day: a session is then out of the lake within a day of its DELETE. It reads every file if sessions
    were deleted. Hours are merged three hours after their end. A run that is stopped loses nothing.
    """
    from model_export.lake.compaction import compact as compact_lake  # imported lazily: `--help` must not wait

    with waiting("compacting"):
        result = compact_lake(registry.store(), time.time_ns() // 1_000_000, retention_days)
    say(f"{result.sessions} deleted sessions: {result.rewritten} files rewritten; {result.expired} old files deleted")
    say(f"{result.merged} files are new, merged from {result.sources}")
    if as_json:
        print_json(asdict(result))

"""Prepare a drill: the lake's history, a first champion, and a model that learned nonsense."""

import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from bench.common.same_model import same_model_again
from bench.drill.command import Command
from bench.drill.settings import ROUTE, Size
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from model_export.lake.parquet import Contents, encode_file
from model_export.lake.records import EVENTS, HOUR_MS, Record, file_name
from model_export.simulator import Shop
from model_export.simulator.chance import Chance
from model_export.simulator.files import write_rows
from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.registry.reader import model_key
from nextitem.registry.verdicts import verdict_key

HISTORY_DAYS, DAYS_AGO = 3, 7
"""The history's days, and how long ago they begin: the retraining of a drill reads newer days only."""
HISTORY_SEED, SHUFFLED_SEED = 101, 102
MAX_MODEL_BYTES = 1 << 30


def write_history(bucket: ObjectStore, shop: Shop, sessions: int, now: datetime) -> None:
    """Write past sessions of a shop into the lake, in the collector's files.

    Raises:
        RegistryUnavailable: the bucket does not answer.
    """
    start = (now - timedelta(days=DAYS_AGO)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours: dict[int, list[Record]] = defaultdict(list)
    past = shop.sessions(sessions, seed=HISTORY_SEED, start=start.timestamp(), days=HISTORY_DAYS)
    events = ((session.session_id, event) for session in past for event in session.events())
    for number, (session_id, event) in enumerate(events):
        at = round(event.time * 1000)
        record = Record(
            session=blake2b(session_id.encode(), digest_size=8).hexdigest(),
            event=f"{number:016x}",
            item_id=event.item_id,
            type=event.type,
            occurred_at=at,
            arrived_at=at,
            entry=f"{at}-{number}",
            late=False,
            version="",
            variant="",
        )
        hours[at // HOUR_MS].append(record)
    for records in hours.values():
        records.sort(key=lambda record: record.arrived_at)
        contents = Contents(len(records), records[-1].entry)
        bucket.create(file_name(EVENTS, 0, records[0].entry, "parquet"), encode_file(records, contents))


def retraining(stack: Stack, size: Size, **settings: str | float) -> Command:
    """Start a retraining as a container does, see `model_export.retraining`; its result is `outcome`'s.

    Args:
        stack: has the lake and the registry.
        size: of the networks.
        settings: of the retraining, beside those of every drill.
    """
    chosen: dict[str, str | float] = {
        "hidden": size.hidden,
        "epochs": size.epochs,
        "test_days": 0,  # a drill has minutes: the last tenth of the sessions judges
        "min_events": size.minimum_sessions,
        "min_sessions": size.minimum_sessions,
        "min_judged_sessions": min(size.minimum_sessions, 100),
        "max_minute_share": 1,  # all events of a drill come within minutes
        "max_latency_ratio": 10,  # measured beside the traffic on the same cores
        "max_size_ratio": 10,  # a lake of minutes doubles, and the session memory with it
        "max_popularity_rise": 0.15,  # what a shop of minutes sells now is a few items
        **settings,
    }
    variables = {f"NEXTITEM_RETRAIN_{name.upper()}": str(value) for name, value in chosen.items()}
    return _start(stack, [sys.executable, "-m", "model_export.retraining"], variables)


def gate(stack: Stack, version: str, size: Size) -> dict[str, Any]:
    """Judge a published version beside the live one on the lake's newest sessions; return the verdict."""
    options = [
        "--days",
        "2",
        "--min-judged-sessions",
        str(min(size.minimum_sessions, 100)),
        "--max-latency-ratio",
        "10",
    ]
    command = ["gate", version, "--bucket", stack.bucket, "--route", ROUTE, *options, "--json"]
    return outcome(_start(stack, [sys.executable, "-m", "model_export.cli", *command]))


def train_on_shuffled(stack: Stack, shop: Shop, size: Size, folder: Path) -> Path:
    """Train a model on sessions whose items were dealt out again at random, and return its artifact."""
    events = [
        (session.session_id, event.item_id, f"{event.time:.3f}", event.type)
        for session in shop.sessions(size.history, seed=SHUFFLED_SEED)
        for event in session.events()
    ]
    items = Chance("drill", "shuffled").shuffled([item for _, item, _, _ in events])
    rows = ((session, item, at, kind) for (session, _, at, kind), item in zip(events, items, strict=True))
    write_rows(folder / "shuffled.csv", ("session_id", "item_id", "timestamp", "type"), rows)
    network = ["--hidden", str(size.hidden), "--epochs", str(size.epochs)]
    run, out = str(folder / "run"), folder / "artifacts"
    for command in (
        ["train", str(folder / "shuffled.csv"), "--type-column", "type", "--out", run, *network],
        ["export", run, "--out", str(out)],
    ):
        _start(stack, [sys.executable, "-m", "model_export.cli", *command]).result()
    return next(out.glob("v*"))


def copy_of(bucket: ObjectReader, version: str, folder: Path) -> Path:
    """Make an artifact of another version that answers as a published one does, and return its directory.

    Raises:
        RegistryUnavailable: the bucket does not answer.
    """
    original = folder / version
    original.mkdir()
    for key in bucket.keys(model_key(version, "")):
        if key != verdict_key(version):
            bucket.download(key, original / key.rpartition("/")[2], lambda: MAX_MODEL_BYTES)
    return same_model_again(original, folder)


def outcome(command: Command) -> dict[str, Any]:
    """Wait for a retraining or the gate, and return its JSON; a version that is refused is no error.

    Raises:
        CommandFailed: it ended with an error.
    """
    document: dict[str, Any] = msgspec.json.decode(command.result())
    return document


def _start(stack: Stack, command: list[str], variables: Mapping[str, str] | None = None) -> Command:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": stack.s3_endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "NEXTITEM_BUCKET": stack.bucket,
        "NEXTITEM_ROUTE": ROUTE,
        **(variables or {}),
    }
    return Command(command, environment)

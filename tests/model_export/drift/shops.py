"""Events of a simulated shop as a lake has them, and a version that was trained on such a shop."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from model_export.data.sessions import Sessions
from model_export.lake.folder import LakeFolder
from model_export.lake.records import Record
from model_export.profile.document import Profile, Validation, encode_profile, profile_of
from model_export.profile.habits import habits_of
from model_export.simulator import DAYS, START, Shop
from nextitem.model.manifest import (
    DOCUMENTS,
    FILES,
    MANIFEST,
    PROFILE,
    SCHEMA,
    VOCABULARY,
    Bounds,
    FileDigest,
    Manifest,
    ModelShape,
    Quantization,
    Training,
    digest_of,
    encode_document,
    version_of,
)
from nextitem.model.vocabulary import write_vocabulary
from nextitem.registry.reader import model_key
from nextitem.registry.route import Route, Variant, route_key
from tests.model_export.lake.test_reader import record, write_lake
from tests.nextitem.memory_bucket import MemoryBucket

HIT_RATE, UNKNOWN = 0.4, 0.02
NOW = datetime.fromtimestamp(START, UTC) + timedelta(days=30, minutes=30)
"""The windows of one day before it begin at midnight, as the day of the simulated shop does."""
ROUTE = "live"


def shop(*, seed: int = 7, products: int = 120) -> Shop:
    """Return a small shop; another seed has other tastes, and more products are new ones."""
    return Shop(seed=seed, products=products)


def sessions_of(shop: Shop, count: int, seed: int, *, start: float = START, days: float = DAYS) -> Sessions:
    """Return simulated sessions, views only."""
    found = [*shop.sessions(count, seed=seed, start=start, days=days)]
    items = [item for session in found for item in session.item_ids]
    catalogue = sorted(set(items))
    place = {item: number for number, item in enumerate(catalogue)}
    return Sessions.from_events(
        catalogue=catalogue,
        ids=[session.session_id for session in found],
        owners=np.repeat(np.arange(len(found)), [len(session.item_ids) for session in found]),
        codes=np.array([place[item] for item in items], np.int32),
        times=np.array([time for session in found for time in session.times]),
        rows=np.arange(1, len(items) + 1),
    )


@cache
def trained() -> tuple[Profile, tuple[str, ...]]:
    """Return the profile of a training on the small shop, and the items that its model knows."""
    sessions = sessions_of(shop(), 2_000, 1)
    validation = Validation(100, HIT_RATE, HIT_RATE, UNKNOWN, ())
    return profile_of(habits_of(sessions, UNKNOWN), sessions.catalogue, ("view",), validation), sessions.catalogue


def live_records(
    shop: Shop, count: int, seed: int, version: str, *, end: datetime = NOW, days: float = 1.0, hit: float = HIT_RATE
) -> Iterator[Record]:
    """Yield events of sessions before a time; each event after a session's first one is judged."""
    rng, number = random.Random(seed), 0
    start = end.timestamp() - days * 86_400 - 1_800
    for session in shop.sessions(count, seed=seed, start=start, days=days):
        for place, (item, time) in enumerate(zip(session.item_ids, session.times, strict=True)):
            number += 1
            judged = {"rank": int(rng.random() < hit), "judged_version": version, "judged_variant": "main"}
            name = f"{seed}-{session.session_id}"
            yield record(name, int(time * 1000), number, item_id=item, version=version, **judged if place else {})


def published(bucket: MemoryBucket, folder: Path, *, profile: bool = True) -> str:
    """Put a version with the profile, but without a model, into a bucket, on a route. Return its name."""
    document, item_ids = trained()
    (folder / PROFILE).write_bytes(encode_profile(document))
    write_vocabulary(folder / VOCABULARY, item_ids)
    none = FileDigest("0" * 64, 0)
    digests = dict.fromkeys(FILES, none) | {VOCABULARY: digest_of(folder / VOCABULARY)}
    documents = dict.fromkeys(DOCUMENTS, none) | ({PROFILE: digest_of(folder / PROFILE)} if profile else {})
    manifest = encode_document(
        Manifest(
            schema=SCHEMA,
            files=digests,
            model=ModelShape(len(item_ids), 8, 1),
            training=Training("0" * 64, 1, 1, 0.0, 1.0, 1, 1, {}),
            quantization=Quantization("fp32", 32, 0, 1.0, 0.0, 0.0, 0.0, 1, Bounds()),
            libraries={},
            evaluation={},
            popular=(),
            documents=documents,
        )
    )
    version = version_of(manifest)
    bucket.objects |= {
        model_key(version, MANIFEST): manifest,
        model_key(version, PROFILE): (folder / PROFILE).read_bytes(),
        model_key(version, VOCABULARY): (folder / VOCABULARY).read_bytes(),
        route_key(ROUTE): msgspec.json.encode(Route(1, (Variant("main", version, 1.0),), "2026-01-01T00:00:00Z")),
    }
    return version


def lake_of(folder: Path, *parts: Iterator[Record]) -> LakeFolder:
    """Return a lake with the events of all parts."""
    return write_lake(folder, [each for part in parts for each in part])

"""`nextitem lake`: events of a store come into the bucket, and training reads them."""

from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from model_export.data.ingestion.reader import read_sessions
from model_export.data.presets import PRESETS
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import Answerer, Event
from nextitem.sessions.valkey_store import ValkeyStore
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.handmade import events_of
from tests.nextitem.parts import BUCKET, NOW, PATIENCE_SECONDS, REGION, SECRET, VERSION, soon

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def download(client: "S3Client", folder: Path) -> None:
    """Copy the bucket, with files that hold deletions only, or nothing any more."""
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        (folder / entry["Key"]).parent.mkdir(parents=True, exist_ok=True)
        client.download_file(BUCKET, entry["Key"], str(folder / entry["Key"]))


@pytest.mark.slow
def test_training_reads_what_the_sessions_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a store with two sessions, one of them with a late event
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
    with mock_aws(), Children() as children:
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        url = start_valkey(children, tmp_path).url
        store = ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=3600)
        ring = KeyRing(lambda: KeySecret(SECRET), 3600, lambda _error: None, lake_buckets=4)
        names: dict[str, str | None] = {}
        for visitor, items in {"me": "acb", "you": "bd"}.items():
            key = ring.keys(SessionName(visitor)).current
            names[visitor] = key.pseudonym
            times = {"a": NOW, "b": NOW + 1_000, "c": NOW + 2_000, "d": NOW + 3_000}
            for item in items:
                store.append(key, [Event(item, item, times[item])], VERSION, NOW, soon(), Answerer(VERSION, "main"))

        # WHEN they are collected, and read from a copy of the lake
        collected = done("lake", "collect", "--store-url", url, "--buckets", "4", "--json").document
        assert collected == {"events": 5, "deletions": 0, "unreadable": 0, "lost": 0, "streams_left": 0}
        download(client, tmp_path)
        sessions = read_sessions("lake", PRESETS["lake"].layout)

        # THEN training gets the sessions, with the late event in its place
        found = dict(zip(sessions.ids, events_of(sessions), strict=True))
        assert found == {names["me"]: ["a", "b", "c"], names["you"]: ["b", "d"]}

        # AND a deleted session leaves the lake
        store.delete(ring.keys(SessionName("me")).current, soon())
        store.close()
        assert done("lake", "collect", "--store-url", url, "--buckets", "4", "--json").document["deletions"] == 1
        compacted = done("lake", "compact", "--json")
        merged = {"merged": 0, "sources": 0, "hours_left": 0}  # the hour is not complete
        assert compacted.document == {"sessions": 1, "rewritten": 1, "expired": 0, **merged}
        download(client, tmp_path)
        assert read_sessions("lake", PRESETS["lake"].layout).ids == [names["you"]]
        client.close()


def test_without_a_store_the_collector_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTITEM_STORE_URL", raising=False)
    assert "set --store-url or NEXTITEM_STORE_URL" in nextitem("lake", "collect", "--bucket", "b").fault

"""Tables of the commands in a terminal of 80 columns."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from rich.console import Console

from devstack.publish import demo_artifact
from model_export.cli.registry_options import BucketOptions
from model_export.cli.tables import column, table
from nextitem.model.artifact import open_artifact
from nextitem.registry.publisher import PublishedVersion, Publisher
from nextitem.registry.verdicts import Verdict
from tests.model_export.cli.commandline import done


def test_a_long_text_is_folded_and_not_cut() -> None:
    console, version, item = Console(width=34), "v919cf7c30d93bb1f", "a-long-name-without-a-space"
    shown = table("item", column("version", whole=True))
    shown.add_row(item, version)
    with console.capture() as captured:
        console.print(shown)
    rows = [line.split("│")[1:3] for line in captured.get().splitlines() if line.startswith("│")]
    assert "".join(cell.strip() for cell, _ in rows) == item
    assert rows[0][1].strip() == version


def test_large_versions_with_old_verdicts_are_listed_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a version of many events, and a verdict that does not count any more
    artifact = open_artifact(demo_artifact())
    training = replace(artifact.manifest.training, events=123_456_789, last=1.8e9)
    manifest = replace(artifact.manifest, training=training)
    at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    verdict = Verdict(artifact.version, None, "live", at, True, "", None, {}, {}, {}, ())
    listed = [PublishedVersion(artifact.version, manifest, 1.0, verdict)]
    monkeypatch.setattr(Publisher, "versions", lambda _self: listed)
    monkeypatch.setattr(BucketOptions, "store", lambda _self: None)
    # WHEN the versions are listed in 80 columns
    shown = done("versions").out
    # THEN nothing is cut
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    for text in (artifact.version, "100%", "passed,", "123,456,789", "2027-01-15", "HR@20", "verdict", "until"):
        assert text in shown

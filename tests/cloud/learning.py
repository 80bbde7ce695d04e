"""The story's steps of the learning loop."""

import json
from collections.abc import Callable

import pytest

from devstack.cloud.actors import PROMOTER, ActorFailed, Answer
from devstack.cloud.cloud import LocalCloud
from devstack.template.stack import ROOT

Until = Callable[[str, Callable[[], Answer], Callable[[Answer], bool]], Answer]
"""Asks until an answer is as it must be; the text says how."""
EARLIER = ROOT / "devstack" / "demo_earlier"
DELETED = "/v1/sessions/visitor-2"


def fill_and_compact(cloud: LocalCloud, until: Until, request: Callable[..., Answer], events: int) -> None:
    """Bring all events into the lake, and take those of a deleted session out again.

    Args:
        cloud: with `Learning`.
        until: asks a cold function again.
        request: sends a caller's request, and gives an answer of 200, or of `status`.
        events: that were stored so far.
    """
    body = {"events": [{"item_id": "tea-001", "event_id": "deleted-1"}]}
    until(
        "the event is stored",
        lambda: request(cloud.caller(), "POST", f"{DELETED}/events", body),
        lambda answer: answer.body["stored"],
    )
    (first,) = cloud.schedules.fire("CollectSchedule")
    assert (first["lake_events"], first["lake_lost"], first["lake_streams_left"]) == (events + 1, 0, 0), first
    request(cloud.caller(), "DELETE", DELETED, status=204)
    (second,) = cloud.schedules.fire("CollectSchedule")
    assert second["lake_events"] == 0, second
    assert second["lake_deletions"] >= 1, second  # a late one was sent again
    (compacted,) = cloud.schedules.fire("CompactSchedule")
    assert (compacted["sessions"], compacted["rewritten"]) == (1, 1), compacted


TRAINING_JOB = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path

from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.compaction import read_deletions
from model_export.retraining.result import TrainingResult, write_result
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import Publisher
from nextitem.registry.verdicts import Verdict, write_verdict

artifact, job = sys.argv[1:]
bucket = BotoObjectStore(os.environ["NEXTITEM_BUCKET"])
assert [bucket.read(key, MAX_FILE_BYTES) for key in bucket.keys("lake/")]
read_deletions(bucket)
publisher = Publisher(bucket, "live")
live = publisher.current().champion.version
version = publisher.publish(Path(artifact))
judged_at = datetime.now(UTC).isoformat(timespec="seconds")
for passed in (False, True):
    reason = "of the story"
    write_verdict(bucket, Verdict(version, live, "live", judged_at, passed, reason, None, {}, {}, {}, ()))
write_result(bucket, job, TrainingResult(version, True, reason))
"""
"""What a training job reads and writes, by the same modules, with an artifact in place of the training."""


def retrain(cloud: LocalCloud) -> None:
    """Train because of a schedule and of an alarm, start the canary, look at it, and roll it back.

    Args:
        cloud: with `Learning`, a promoted version, and events in the lake.
    """
    (machine,) = cloud.schedules.fire("RetrainByScheduleRule")
    assert cloud.schedules.fire("RetrainByDriftRule") == [machine]
    cloud.machines.list_runs(machine, "FindRuns")
    assert cloud.machines.call_function(machine, "CheckRoute", {"action": "check"}) == {"outcome": "free"}
    job, credentials = cloud.machines.start_job(machine, "Train", cloud.deployment.stack_name)
    (artifact,) = EARLIER.glob("v*")
    cloud.actors.python(credentials, "-c", TRAINING_JOB, artifact, job)
    with pytest.raises(ActorFailed, match="AccessDenied"):
        cloud.actors.nextitem(credentials, "promote", artifact.name)
    for _ in range(2):  # a second try finds that the first one has started it
        started = cloud.machines.call_function(machine, "StartCanary", {"action": "start", "job": job})
        assert started == {"outcome": "started", "version": artifact.name}
    assert cloud.machines.call_function(machine, "CheckRoute", {"action": "check"}) == {"outcome": "experiment-running"}
    _look_and_roll_back(cloud)
    assert cloud.machines.call_function(machine, "CheckRoute", {"action": "check"}) == {"outcome": "free"}
    _start_and_stop_by_hand(cloud, artifact.name)
    (measured,) = cloud.schedules.fire("DriftSchedule")
    assert measured.keys() == {"version", "level"}, measured


def _start_and_stop_by_hand(cloud: LocalCloud, version: str) -> None:
    """The promoter tries a version that has passed its gate, stops that, and finds both in the log."""
    promoter = cloud.actors.credentials(PROMOTER)
    cloud.actors.nextitem(promoter, "canary", version)
    cloud.actors.nextitem(promoter, "experiment", "stop")
    whats = [entry.get("what") for entry in json.loads(cloud.actors.nextitem(promoter, "experiment", "log", "--json"))]
    assert [what for what in whats if what] == ["promotion", "canary", "canary", "stop"], whats


def _look_and_roll_back(cloud: LocalCloud) -> None:
    """Look; then let that look have decided for a rollback, and have been interrupted before it was carried out."""
    (look,) = cloud.schedules.fire("DecideSchedule")
    assert look["decision"]["action"] == "continue", look
    s3, bucket = cloud.site.clients.client("s3"), cloud.deployment.outputs["BucketName"]
    (key,) = [
        each["Key"]
        for each in s3.list_objects_v2(Bucket=bucket, Prefix="experiments/")["Contents"]
        if "/decisions/" in each["Key"]
    ]
    decided = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    decided["decision"] |= {"action": "rollback", "share_after": 0.0}
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(decided).encode())
    (carried_out,) = cloud.schedules.fire("DecideSchedule")
    assert carried_out["decision"]["action"] == "rollback", carried_out
    assert cloud.schedules.fire("DecideSchedule") == [None]

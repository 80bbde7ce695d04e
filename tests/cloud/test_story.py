"""A stack's life under every cold-start strategy and with every kind of store; `make cloud` plays each pair.

Every Allow of the template is needed by a step of these stories, or is listed with its reason.
"""

from collections.abc import Callable

import pytest

from devstack.cloud.network.place import available
from tests.cloud.allows import Allow
from tests.cloud.conftest import Played, Row
from tests.cloud.matrix import LEARNS, TESTED

NOT_EXERCISED: dict[Allow, str] = {
    ("RecommendRole", "JoinVpc"): "Lambda makes the network interfaces; the deployer asks for the rights, as it does.",
    ("CollectRole", "JoinVpc"): "Likewise.",
    ("TrainingRole", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("TrainingRole", "UploadParts"): "The demo model is too small for an upload in parts.",
    ("TrainingRole", "PullImage"): "SageMaker pulls the image; no job runs here.",
    ("TrainingRole", "LogInToEcr"): "Likewise.",
    ("TrainingRole", "WriteLogs"): "Likewise: it writes the job's log.",
    ("TrainingRole", "KeepOutput"): "Likewise: it writes the job's output.",
    ("CompactRole", "CreateMergedFiles"): "Only files of a complete hour are merged.",
    ("DecideRole", "CreateJoins"): "Only a promotion after which a catalogue was published creates a join.",
    ("DecideRole", "UploadParts"): "The join of the demo model is too small for an upload in parts.",
    ("DecideRole", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("StartCanaryRole", "UploadParts"): "The join of the demo model is too small for an upload in parts.",
    ("StartCanaryRole", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("DecideRole", "MeasureGuardRails"): "Metrics of CloudWatch are not modelled; the first look measures nothing.",
    ("InstancesRole", "EncryptVolumes"): "EC2 uses it for the volumes of instances, which are not modelled.",
    ("InstancesRole", "LendKeyToInstances"): "Likewise.",
    ("Key", "UsedByLogs"): "CloudWatch Logs encrypts; the deployer asks for the rights when a log group is made.",
    ("PublisherPolicy", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("PublisherPolicy", "UploadParts"): "The demo model is too small for an upload in parts.",
    ("PublisherPolicy", "WriteVerdicts"): "The only version of the story is the first one, which needs no verdict.",
    ("PromoterPolicy", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("PromoterPolicy", "UploadParts"): "The join of the demo model is too small for an upload in parts.",
    ("CataloguePolicy", "AbortUploads"): "Only an interrupted upload is aborted.",
    ("CataloguePolicy", "UploadParts"): "The demo's catalogue is too small for an upload in parts.",
}
"""Statements that no step needs, with the reason."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "")]


@pytest.mark.parametrize("row", TESTED, ids="-".join)
def test_a_stack_lives_as_on_aws(play: Callable[[Row], Played], row: Row) -> None:
    play(row)


def test_every_allow_is_needed_by_a_step_or_has_a_reason(play: Callable[[Row], Played]) -> None:
    # GIVEN the stories of both kinds of store
    stories = [play(row) for row in LEARNS]
    there = {allow for story in stories for allow in story.allows.values()}
    used = {allow for story in stories for allow in story.used}

    # THEN each statement was needed or is listed, and nothing is listed that was needed or is not there
    assert there - used == set(NOT_EXERCISED)

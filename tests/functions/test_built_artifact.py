"""The built function, under Python 3.13, with nothing else installed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.events.payload import direct_files, http_files
from tests.functions.client import PATIENT, Client

pytestmark = pytest.mark.slow

STATUSES = {"not_found": 404, "delete_session": 204}
"""Of the payloads in events/; of all others 200."""


@pytest.fixture(scope="module")
def built(python313: Path, built_function: Path, runtime_client: Path) -> Iterator[Stack]:
    """A stack whose worker is the built function."""
    with Stack(
        built_function,
        artifact=demo_artifact(),
        python=python313,
        runtime_path=runtime_client,
        max_workers=1,
        settings=PATIENT,
    ) as stack:
        yield stack


def test_every_payload_is_answered_and_only_metrics_are_printed(built: Stack, client: Client) -> None:
    # GIVEN the payloads of events/
    service = Client(built)
    paths = [*http_files(), *direct_files()]

    for path in paths:
        # WHEN the built function is invoked with each
        event = json.loads(path.read_bytes())
        answer = service.direct(event)

        # THEN it answers as the sources do
        if "routeKey" in event:
            assert answer["statusCode"] == STATUSES.get(path.stem, 200), path.stem
        else:
            assert answer.keys() == client.direct(event).keys(), path.stem
    # AND its log has one metrics record for each, and nothing else
    assert len(service.records()) == len(built.log_lines()) == len(paths)


def test_the_build_answers_like_the_source_code(built: Stack, client: Client, session_id: str) -> None:
    event = {"item_id": "tent-008", "event_id": "look-1"}
    answers = [each.append(session_id, [event, "sleep-010"]) for each in (Client(built), client)]
    assert answers[0].status == 200
    assert answers[0].item_ids == answers[1].item_ids
    assert answers[0].document["model"] == answers[1].document["model"]


def test_the_build_writes_no_files_into_its_folder(built: Stack, built_function: Path) -> None:
    Client(built).recommend([])

    assert len({path.stat().st_mtime for path in built_function.rglob("*")}) == 1

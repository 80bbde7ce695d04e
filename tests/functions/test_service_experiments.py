"""An experiment on a running stack: sessions keep their arm, and the lake says who drafted what a visitor chose."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from devstack.publish import demo_artifact, object_store
from devstack.services.bucket import Bucket
from devstack.stack import KEY_SECRET, Stack
from nextitem.registry.experiment import Kind
from nextitem.registry.route import Route
from nextitem.sessions.codec import decode_impression
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName
from nextitem.sessions.session import Impression
from tests.functions.client import PATIENT, Client, Reply, new_session, wait_until_saved
from tests.model_export.lake.rows import rows_of
from tests.nextitem.publishers import UnjudgedPublisher

BUCKETS = 2
SETTINGS = PATIENT | {"NEXTITEM_ROUTE_TTL_SECONDS": "0.02"}
HIKE = ["tent-008", "sleep-010", "stove-003"]
KEY = KeySecret(KEY_SECRET.encode())


class Trial:
    """A stack with the demo model live, and a published challenger."""

    def __init__(self, stack: Stack, other: Path, folder: Path) -> None:
        self.stack, self.client, self._folder = stack, Client(stack), folder
        with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
            self.challenger = UnjudgedPublisher(store).publish(other)

    def start(self, share: float, kind: Kind) -> Route:
        with object_store(Bucket(self.stack.bucket, self.stack.s3_endpoint)) as store:
            return UnjudgedPublisher(store).start_experiment(self.challenger, share, self._folder, kind)

    def set_share(self, experiment: str, share: float) -> None:
        with object_store(Bucket(self.stack.bucket, self.stack.s3_endpoint)) as store:
            UnjudgedPublisher(store).set_share(experiment, share)

    def rollback(self) -> None:
        with object_store(Bucket(self.stack.bucket, self.stack.s3_endpoint)) as store:
            UnjudgedPublisher(store).rollback(self._folder)


@pytest.fixture(scope="module")
def trial(other_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=SETTINGS, lake_buckets=BUCKETS) as stack:
        yield Trial(stack, other_artifact, tmp_path_factory.mktemp("fetched"))


def variant(reply: Reply) -> Any:
    return reply.document["model"]["variant"]


@pytest.mark.slow
def test_sessions_keep_their_arm_until_the_champion_has_all_again(trial: Trial) -> None:
    client, sessions = trial.client, [new_session() for _ in range(40)]
    # GIVEN an experiment
    started = trial.start(0.5, "canary").experiment
    assert started is not None
    client.until(lambda: client.append(new_session(), HIKE[:1]), lambda reply: variant(reply) == "challenger")
    # WHEN sessions come THEN both models answer, and each session keeps its own
    first = {session: variant(client.append(session, HIKE[:1])) for session in sessions}
    assert set(first.values()) == {"main", "challenger"}
    assert {session: variant(client.append(session, HIKE[1:2])) for session in sessions} == first
    assert variant(client.recommend(HIKE)) == "main"

    # WHEN the share is raised THEN no session goes back to the champion
    trial.set_share(started.experiment, 1.0)
    client.until(lambda: client.get(sessions[0]), lambda _: variants(client, sessions) == {"challenger"})
    # WHEN it is rolled back THEN the champion has all
    trial.rollback()
    client.until(lambda: client.get(sessions[0]), lambda reply: variant(reply) == "main")
    assert variants(client, sessions) == {"main"}


def variants(client: Client, sessions: Iterable[str]) -> set[str]:
    return {variant(client.get(session)) for session in sessions}


def impression_of(trial: Trial, session: str) -> Impression:
    with redis.Redis.from_url(trial.stack.store_url) as store:
        wait_until_saved(store, session, buckets=BUCKETS)
        impression = decode_impression(store.hget(SessionName(session).key(KEY.current, BUCKETS), "shown"))
    assert impression is not None
    return impression


@pytest.mark.slow
def test_the_lake_says_which_side_of_an_interleaved_answer_a_visitor_chose(trial: Trial) -> None:
    client, stack = trial.client, trial.stack
    assert stack.lake is not None
    # GIVEN an interleaved answer
    trial.start(1.0, "interleaving")
    client.until(lambda: client.append(new_session(), HIKE[:1]), lambda reply: variant(reply) == "challenger")
    session = new_session()
    shown = client.append(session, HIKE[:1])
    impression = impression_of(trial, session)
    assert sorted(impression.teams) == ["c"] * 10 + ["x"] * 10
    assert client.get(session).item_ids == shown.item_ids == list(impression.item_ids)

    # WHEN the visitor chooses an item of each side, one after the other
    chosen = []
    for team in "cx":
        item = impression.item_ids[impression.teams.index(team)]
        answer = impression.recommendation_id
        client.append(session, [{"item_id": item, "recommendation_id": answer}])
        chosen.append((item, {"c": "champion", "x": "challenger"}[team]))
        impression = impression_of(trial, session)
    stack.lake.collect()

    # THEN the lake credits each side once, under the challenger's name
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as lake:
        name = SessionName(session).pseudonym(KEY.lake_key)
        rows = [row for row in rows_of(lake) if row["session"] == name]
    assert [(row["item_id"], row["team"]) for row in rows] == [(HIKE[0], None), *chosen]
    assert {(row["version"], row["variant"]) for row in rows} == {(trial.challenger, "challenger")}
    assert [row["clicked"] for row in rows] == [False, True, True]
    # AND the metrics count the requests there
    last = client.records()[-1]
    assert (last["model_version"], last["variant"]) == (trial.challenger, "challenger")

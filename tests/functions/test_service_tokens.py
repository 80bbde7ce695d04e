"""Behind API Gateway's JWT authorizer a session belongs to the token's subject."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client, session_keys

HIKE = ["tent-008", "sleep-010", "stove-003"]


AUTHORIZER = JwtAuthorizer("https://login.example.com/", ("shop",))
token = AUTHORIZER.token


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, jwt=AUTHORIZER, settings=PATIENT) as stack:
        yield stack


@pytest.fixture
def store(stack: Stack) -> Iterator[Any]:
    with redis.Redis.from_url(stack.store_url) as store:
        yield store


@pytest.mark.slow
def test_one_session_id_of_two_subjects_is_two_sessions(stack: Stack, store: Any, session_id: str) -> None:
    alice, bob = (Client(stack, token(sub=subject)) for subject in ("alice", "bob"))
    before = len(session_keys(store))
    assert alice.append(session_id, HIKE).document["session_length"] == 3

    assert bob.get(session_id).document["session_length"] == 0
    assert bob.append(session_id, HIKE[:1]).document["session_length"] == 1
    assert len(session_keys(store)) == before + 2
    assert bob.delete(session_id).status == 204
    assert alice.get(session_id).document["session_length"] == 3
    # neither has what is under no subject
    assert alice.direct({"operation": "get_recommendations", "session_id": session_id})["session_length"] == 0
    # a subject's own other token finds it
    assert Client(stack, token(sub="alice", iat=1)).get(session_id).document["session_length"] == 3


@pytest.mark.slow
def test_a_token_without_a_subject_is_forbidden(stack: Stack, session_id: str) -> None:
    for client in (Client(stack, token(scope="shop")), Client(stack, token(sub=""))):
        for reply in (
            client.append(session_id, HIKE),
            client.get(session_id),
            client.delete(session_id),
            client.recommend(HIKE),
        ):
            assert (reply.status, reply.document["title"]) == (403, "Forbidden")
            assert "subject" in reply.document["detail"]


def test_without_a_token_the_function_is_not_invoked(stack: Stack, session_id: str) -> None:
    client = Client(stack)
    before = len(client.records())
    assert (client.get(session_id).status, Client(stack, "no token").get(session_id).status) == (401, 401)
    assert len(client.records()) == before

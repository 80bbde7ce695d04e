"""When a call is tried again, how long it pauses, and which limits each try has; on a clock of the test's own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from nextitem_client import Event, NoAnswer, NotAuthorized, Refused, Retries, Unavailable, UnexpectedAnswer
from nextitem_client.calls import append_events, delete_session, get_recommendations
from nextitem_client.exchange import Outcome, Pause, Response, Send, exchange
from query_string import parse_query
from tests.clients.scripted_server import ANSWER

RETRIES = Retries(timeout=10.0, attempt_timeout=3.0, attempts=4, first_pause=1.0, longest_pause=2.0)
FINE = Response(200, {}, msgspec.json.encode(ANSWER))
LOST = NoAnswer("lost")


def answer_with(status: int, retry_after: str | None = None, body: bytes = b"{}") -> Response:
    return Response(status, {} if retry_after is None else {"retry-after": retry_after}, body)


class Exchange:
    """Runs a call; a try takes `seconds`, a pause as long as it says.

    Attributes:
        sent: each try.
        pauses: in seconds.
    """

    def __init__(self, outcomes: list[Outcome], seconds: float = 0.0, call: Any = None, chance: float = 1.0) -> None:
        self.sent: list[Send] = []
        self.pauses: list[float] = []
        self._now = 0.0
        self._outcomes, self._seconds, self._chance = outcomes, seconds, chance
        self._call = call or append_events("me", [Event("tea-001")], {})

    def run(self) -> Any:
        steps = exchange(self._call, RETRIES, clock=lambda: self._now, chance=lambda: self._chance)
        outcome: Outcome | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as stop:
                return stop.value
            outcome = None
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self._now += step.seconds
            else:
                self.sent.append(step)
                self._now += self._seconds
                outcome = self._outcomes[len(self.sent) - 1]

    def bodies(self) -> list[Any]:
        return [msgspec.json.decode(sent.body or b"null") for sent in self.sent]


@pytest.mark.parametrize("failure", [LOST, *map(answer_with, (408, 425, 429, 500, 502, 503, 504))])
def test_a_failure_that_may_pass_is_tried_again(failure: Outcome) -> None:
    # GIVEN a server that fails twice
    tried = Exchange([failure, failure, FINE])
    # WHEN a call is made
    answer = tried.run()
    # THEN the third try has the answer, and each try sent the same event
    assert answer.recommendations[0].item_id == "tea-001"
    assert len({msgspec.json.encode(body["events"]) for body in tried.bodies()}) == 1
    assert tried.pauses == [1.0, 2.0]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (401, NotAuthorized), (403, NotAuthorized), (404, Refused), (405, Refused), (422, Refused)],
)
def test_a_refusal_is_not_tried_again(status: int, error: type[Exception]) -> None:
    tried = Exchange([answer_with(status)])
    with pytest.raises(error):
        tried.run()
    assert len(tried.sent) == 1


@pytest.mark.parametrize(
    "response", [answer_with(302), answer_with(200, body=b"<html>"), answer_with(200, body=b""), answer_with(204)]
)
def test_an_answer_of_another_server_is_not_tried_again(response: Response) -> None:
    tried = Exchange([response])
    with pytest.raises(UnexpectedAnswer, match="Is the URL that of a nextitem API"):
        tried.run()
    assert len(tried.sent) == 1


def test_tries_end_by_their_number() -> None:
    tried = Exchange([LOST] * 5)
    with pytest.raises(NoAnswer):
        tried.run()
    assert len(tried.sent) == RETRIES.attempts
    assert tried.pauses == [1.0, 2.0, 2.0]


def test_pauses_are_random_below_their_limit() -> None:
    tried = Exchange([LOST, LOST, FINE], chance=0.25)
    tried.run()
    assert tried.pauses == [0.25, 0.5]


def test_each_try_has_its_own_limit_and_the_rest_of_the_whole() -> None:
    # GIVEN tries that take 3 seconds each, of 10 in all, with pauses of 1 and 2 seconds
    tried = Exchange([LOST] * 5, seconds=3.0)
    # WHEN all fail
    with pytest.raises(NoAnswer):
        tried.run()
    # THEN the third has what is left, and there is no time for a fourth
    assert [sent.seconds for sent in tried.sent] == [3.0, 3.0, 1.0]
    assert [body["deadline_ms"] for body in tried.bodies()] == [3000, 3000, 1000]


def test_retry_after_is_waited_for() -> None:
    tried = Exchange([answer_with(503, "4"), FINE], chance=0.5)
    tried.run()
    assert tried.pauses == [4.5]


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True)
    tried = Exchange([answer_with(429, date), FINE], chance=0.0)
    tried.run()
    assert 1.0 < tried.pauses[0] <= 6.0


@pytest.mark.parametrize("text", ["soon", "", "-1"])
def test_a_retry_after_that_cannot_be_read_leaves_our_own_pause(text: str) -> None:
    tried = Exchange([answer_with(503, text), FINE])
    tried.run()
    assert tried.pauses == [1.0]


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once() -> None:
    tried = Exchange([answer_with(503, "60"), FINE])
    with pytest.raises(Unavailable) as caught:
        tried.run()
    assert (caught.value.retry_after, tried.pauses) == (60.0, [])


def test_an_option_with_objects_inside_is_json_in_a_query() -> None:
    wishes = {"filter": {"category": {"in": ["a,b"]}}, "pin": [{"item_id": "é", "place": 1}], "fields": ["title", "é"]}
    read = Exchange([FINE], call=get_recommendations("me", wishes))
    read.run()
    document = parse_query(read.sent[0].target.partition("?")[2])
    assert {name: document[name] for name in wishes} == wishes


def test_only_operations_that_take_a_deadline_send_one() -> None:
    read = Exchange([FINE], call=get_recommendations("me", {"limit": 3, "exclude_seen": True, "only": ["a,b", "c d"]}))
    read.run()
    assert read.sent[0].target == (
        "/v1/sessions/me/recommendations?limit=3&exclude_seen=true&only=a%2Cb&only=c%20d&deadline_ms=3000"
    )
    deletion = Exchange([Response(204, {}, b"")], call=delete_session("a b"))
    assert deletion.run() is None
    assert deletion.sent[0] == Send("DELETE", "/v1/sessions/a%20b", None, 3.0)


def test_a_refusal_names_the_wrong_fields() -> None:
    problem = {
        "title": "Unprocessable content",
        "status": 422,
        "detail": "two faults",
        "errors": [{"field": "limit", "detail": "must be an integer"}],
    }
    with pytest.raises(Refused, match=r"^422 Unprocessable content: two faults; limit: must be an integer$") as caught:
        Exchange([answer_with(422, body=msgspec.json.encode(problem))]).run()
    assert caught.value.problem.errors == problem["errors"]


@pytest.mark.parametrize(("body", "text"), [(b'{"message": "Unauthorized"}', "Unauthorized"), (b"<p>no", "<p>no")])
def test_a_refusal_of_another_form_keeps_its_text(body: bytes, text: str) -> None:
    with pytest.raises(NotAuthorized, match=f"^401 HTTP error: {text}$"):
        Exchange([answer_with(401, body=body)]).run()


def append_one(session_id: str) -> Any:
    return append_events(session_id, [Event("tea-001")], {})


def read_all(session_id: str) -> Any:
    return get_recommendations(session_id, {})


@pytest.mark.parametrize("session_id", ["", ".", "..", "a/b", "a%2Fb", "a?b"])
@pytest.mark.parametrize("call", [append_one, read_all, delete_session])
def test_a_session_id_cannot_change_the_path(call: Callable[[str], Any], session_id: str) -> None:
    with pytest.raises(ValueError, match="session_id"):
        call(session_id)


@pytest.mark.parametrize("events", [0, 65])
def test_a_request_takes_1_to_64_events(events: int) -> None:
    with pytest.raises(ValueError, match=f"{events} events"):
        append_events("me", [Event("a")] * events, {})

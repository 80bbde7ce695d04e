"""The generator: open-loop latency, answers that are none, connections that end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.load.plan import Arrival, Step
from bench.load.sender import NO_ANSWER
from bench.serve.sender import ProtocolError, parse_answer, send_step
from bench.serve.visits import Visits

RANKED = b'{"served_by":"session","recommendations":[{"item_id":"a"}]}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(RANKED), RANKED)

Answer = Callable[[int], bytes]


def step(*due: float) -> Step:
    arrivals = tuple(Arrival(at, "s", "item-000001", f"{number}") for number, at in enumerate(due))
    return Step(10.0, 0.1, arrivals)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Answer each request by its event's number: bytes to send; empty bytes hang up."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def serve(client: socket.socket) -> None:
        with client:
            while data := client.recv(65536):
                reply = answer(int(data.rpartition(b'"event_id":"')[2].partition(b'"')[0]))
                if not reply:
                    return
                client.sendall(reply)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_answers_are_counted_with_their_source() -> None:
    with serving(lambda _: OK) as url:
        result = send_step(url, step(0.0, 0.01, 0.02))

    assert [(sample.status, sample.served_by) for sample in result.samples] == [(200, "session")] * 3
    assert result.seconds >= 0.1


def test_a_slow_answer_delays_no_other_request_and_counts_from_the_due_time() -> None:
    def answer(number: int) -> bytes:
        time.sleep(0.2 if number == 0 else 0.0)
        return OK

    with serving(answer) as url:
        result = send_step(url, step(0.0, 0.01, 0.02))

    fast, faster, slow = result.samples  # in the order of their answers
    assert max(fast.milliseconds, faster.milliseconds) < slow.milliseconds
    assert slow.milliseconds >= 200


def test_refusals_empty_answers_and_lost_connections_are_errors() -> None:
    refused = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    nothing = b'HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{"recommendations":[]}'
    replies = [refused, nothing, b"", OK]

    with serving(lambda number: replies[number]) as url:
        result = send_step(url, step(0.0, 0.02, 0.04, 0.06))

    # samples come in the order in which requests end
    assert sorted(sample.status for sample in result.samples) == sorted([503, NO_ANSWER, NO_ANSWER, 200])


def test_more_requests_at_once_than_connections_open_further_ones() -> None:
    def answer(_number: int) -> bytes:
        time.sleep(0.2)
        return OK

    with serving(answer) as url:
        result = send_step(url, step(*[0.0] * 100))

    assert [sample.status for sample in result.samples] == [200] * 100


def test_the_head_of_an_answer_is_parsed() -> None:
    assert parse_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n") == (200, 12, False)
    assert parse_answer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n") == (204, 0, True)
    with pytest.raises(ProtocolError, match="content length"):
        parse_answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n")


def test_equal_seeds_plan_equal_steps_with_unique_events() -> None:
    first, second = (Visits(1000, seed=3).step(500.0, 2.0) for _ in range(2))

    assert first == second
    assert 700 < len(first.arrivals) < 1300
    assert len({(arrival.session_id, arrival.event_id) for arrival in first.arrivals}) == len(first.arrivals)
    assert all(0 <= int(arrival.item_id.removeprefix("item-")) < 1000 for arrival in first.arrivals)

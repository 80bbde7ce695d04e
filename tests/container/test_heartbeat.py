"""A worker's heartbeat: it stops with the event loop, and pauses of the supervisor are not counted as silence."""

import asyncio
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from container import heartbeat
from container.heartbeat import MAX_STEP_SECONDS, MODEL, NO_MODEL, Pulse, Watch

SECONDS = 20.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    with ours, theirs:
        yield ours, theirs


def test_a_silence_grows_until_a_beat_and_its_steps_are_bounded(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    now = 100.0
    watch = Watch(ours, lambda: now)

    silences = []
    for step in (1.0, 1.5, 3600.0, 0.5):  # the supervisor stood still for an hour
        now += step
        silences.append(watch.silence())
    assert silences == [1.0, 2.5, 2.5 + MAX_STEP_SECONDS, 3.0 + MAX_STEP_SECONDS]

    theirs.send(NO_MODEL * 2 + MODEL)  # a model that came late
    now += 1
    assert not watch.has_model
    assert watch.silence() == 0
    assert watch.has_model
    theirs.close()  # an end is no beat
    now += 1
    assert watch.silence() == 1


def test_a_pulse_beats_and_tells_the_end_of_the_supervisor_once(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    ours, theirs = pair

    async def story() -> tuple[list[bytes], int]:
        ends: list[None] = []
        gone = asyncio.Event()

        def on_gone() -> None:
            ends.append(None)
            gone.set()

        Pulse(theirs, partial(next, iter([False, *[True] * 1000])), on_gone)
        beats = [await asyncio.to_thread(ours.recv, 1) for _ in range(3)]
        ours.close()
        await asyncio.wait_for(gone.wait(), SECONDS)
        for _ in range(10):  # iterations of the loop, in which the socket stays readable
            await asyncio.sleep(0)
        return beats, len(ends)

    assert asyncio.run(story()) == ([NO_MODEL, MODEL, MODEL], 1)


def test_a_supervisor_that_does_not_read_is_no_fault(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.0)
    ours, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    faults: list[object] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        Pulse(theirs, lambda: True, lambda: None)
        while not _is_full(theirs):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    asyncio.run(story())
    assert faults == []
    assert ours.recv(1) == MODEL


def _is_full(control: socket.socket) -> bool:
    try:
        control.send(MODEL)
    except BlockingIOError:
        return True
    return False

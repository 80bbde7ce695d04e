"""So many requests at once, so many that wait; all others are refused at once."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from container.admission import Admission
from devstack.deployments import eventually

PATIENCE_SECONDS = 20.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds the work of requests until it is set."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_beyond_the_queue_requests_are_refused_at_once(gate: threading.Event) -> None:
    async def story() -> list[str | None]:
        admission, running = Admission(2, 1, PATIENCE_SECONDS), threading.Semaphore(0)

        def work() -> str:
            running.release()
            assert gate.wait(PATIENCE_SECONDS)
            return "done"

        # GIVEN two requests at work and one that waits
        admitted = [asyncio.ensure_future(admission.run(work)) for _ in range(3)]
        for _ in range(2):
            await asyncio.to_thread(running.acquire)
        assert (admission.in_flight, admission.waiting) == (2, 1)

        # WHEN another one comes THEN it is refused, while the others go on
        refused = await admission.run(lambda: "not reached")

        # AND once they are done there is room again
        gate.set()
        results = await asyncio.gather(*admitted)
        results += [refused, await admission.run(lambda: "room")]
        assert (admission.in_flight, admission.waiting) == (0, 0)
        admission.close()
        return results

    assert asyncio.run(story()) == ["done", "done", "done", None, "room"]


def test_a_request_that_waited_too_long_is_not_begun(gate: threading.Event) -> None:
    async def story() -> tuple[str | None, str | None, list[str]]:
        admission, begun = Admission(1, 5, max_wait=0.05), list[str]()

        def work() -> str:
            begun.append("late")
            return "late"

        first = asyncio.ensure_future(admission.run(lambda: str(gate.wait(PATIENCE_SECONDS))))
        await asyncio.sleep(0)
        late = asyncio.ensure_future(admission.run(work))
        await asyncio.sleep(0.1)
        gate.set()
        results = await first, await late, begun
        admission.close()
        return results

    assert asyncio.run(story()) == ("True", None, [])


def test_a_request_that_found_a_free_thread_is_never_refused() -> None:
    async def story() -> str | None:
        admission = Admission(1, 0, max_wait=-1.0)  # as on a machine that is late with everything
        return await admission.run(lambda: "done")

    assert asyncio.run(story()) == "done"


def test_a_failed_request_makes_room_again() -> None:
    async def story() -> str | None:
        admission = Admission(1, 0, PATIENCE_SECONDS)

        def fail() -> str:
            raise OSError("broken")

        with pytest.raises(OSError, match="broken"):
            await admission.run(fail)
        return await admission.run(lambda: "next")

    assert asyncio.run(story()) == "next"


def test_close_waits_for_the_work_under_way() -> None:
    async def story() -> list[str]:
        admission, done = Admission(1, 1, PATIENCE_SECONDS), list[str]()

        def work() -> str:
            time.sleep(0.05)
            done.append("work")
            return "work"

        task = asyncio.ensure_future(admission.run(work))
        await asyncio.to_thread(eventually, lambda: admission.in_flight, "it runs")
        await asyncio.sleep(0.01)
        admission.close()
        assert await task == "work"
        return done

    assert asyncio.run(story()) == ["work"]

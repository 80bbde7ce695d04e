"""The Open Inference Protocol in a worker: bounded like the API, recorded once, and probes answered under any load."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from calls import Call, CallExecutor, Response
from container.admission import Admission
from container.inference_api import InferenceApi
from container.inference_protocol import Reply
from nextitem.errors import RequestError
from nextitem.service.schema import Answer, ServedModel
from nextitem.telemetry.metrics import OVERLOADED
from nextitem.telemetry.record import RequestRecord

INFER = "/v2/models/live/infer"
BODY = json.dumps({"inputs": [{"name": "item_ids", "shape": [1], "datatype": "BYTES", "data": ["tea"]}]}).encode()
SECONDS = 30.0
"""Of patience: more than any test takes."""


class Executor:
    """Answers after `gate` is open, and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def answer(self, read: Callable[[], Call], record: RequestRecord) -> Response:
        self.calls.append(read())
        self.entered.set()
        assert self.gate.wait(SECONDS)
        return Response(200, Answer(recommendations=[], served_by="popular", model=ServedModel("v1", "main")), {})


class Worker:
    """One worker with room for one request, and the status and `OVERLOADED` of what it recorded by itself."""

    def __init__(self) -> None:
        self.executor, self.admission = Executor(), Admission(1, 0, SECONDS)
        self.recorded: list[tuple[int, float | None]] = []
        executor = cast("CallExecutor", self.executor)
        self.api = InferenceApi(executor, self.admission, "live", lambda: True, self._emit)

    def _emit(self, record: RequestRecord, status: int) -> None:
        self.recorded.append((status, record.values(status, 1.0, 0.0).get(OVERLOADED.name)))

    async def ask(self, method: str, path: str, body: bytes = b"") -> Reply:
        return await self.api.answer(method, path, body, RequestRecord())


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.admission.close()


def test_an_inference_is_the_call_of_the_api_and_recorded_by_it(worker: Worker) -> None:
    answered = asyncio.run(worker.ask("POST", INFER, BODY))

    assert answered.status == 200
    assert worker.executor.calls == [Call("recommend", body=b'{"item_ids":["tea"]}')]
    assert worker.recorded == []  # the executor has


def test_a_refused_inference_is_recorded_once(worker: Worker) -> None:
    assert asyncio.run(worker.ask("POST", INFER, b"{")).status == 400
    assert worker.api.refuse(RequestError(413, "Content too large", "too many"), RequestRecord()).document == {
        "error": "too many"
    }

    assert (worker.recorded, worker.executor.calls) == ([(400, None), (413, None)], [])


def test_a_full_worker_refuses_inferences_and_answers_probes(worker: Worker) -> None:
    async def ask_while_it_is_full() -> tuple[Reply, list[int], Reply]:
        worker.executor.gate.clear()
        first = asyncio.create_task(worker.ask("POST", INFER, BODY))
        await asyncio.to_thread(worker.executor.entered.wait, SECONDS)
        refused = await worker.ask("POST", INFER, BODY)
        paths = ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/live")
        statuses = [(await worker.ask("GET", path)).status for path in paths]
        worker.executor.gate.set()
        return refused, statuses, await first

    refused, statuses, first = asyncio.run(ask_while_it_is_full())

    assert (refused.status, refused.headers, set(refused.document)) == (503, {"retry-after": "1"}, {"error"})
    assert (statuses, first.status) == ([200] * 4, 200)
    assert worker.recorded == [(503, 1)]

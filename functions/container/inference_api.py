"""The Open Inference Protocol beside the API's routes: the same executor, the same bounds, the same records."""

import time
from collections.abc import Callable

from calls import Call, CallExecutor, Response
from container.admission import Admission
from container.inference_protocol import Reply, is_inference, refusal, reply
from container.refusals import Emit, overloaded
from nextitem.errors import RequestError
from nextitem.telemetry.record import RequestRecord


class InferenceApi:
    """Answers the protocol's requests of one worker process.

    Args:
        executor: executes inferences, in threads.
        admission: bounds them.
        model: the name of the protocol's model.
        ready: returns whether requests may come: a model is loaded, and the process is not on its way out.
        emit: records a request that no call answers.
    """

    def __init__(
        self, executor: CallExecutor, admission: Admission, model: str, ready: Callable[[], bool], emit: Emit
    ) -> None:
        self._executor, self._admission, self._model = executor, admission, model
        self._ready, self._emit = ready, emit

    async def answer(self, method: str, path: str, body: bytes, record: RequestRecord) -> Reply:
        """Answer a request whose path `is_path` accepts.

        Args:
            method: in capitals.
            path: decoded, without query.
            body: as it was sent.
            record: takes its measurements.
        """
        executed: list[Response] = []
        admitted = time.perf_counter()

        def recommend(given: bytes) -> Response:
            record.queued = (time.perf_counter() - admitted) * 1000
            executed.append(self._executor.answer(lambda: Call("recommend", body=given), record))
            return executed[-1]

        def work() -> Reply:
            return reply(method, path, body, model=self._model, ready=self._ready, recommend=recommend)

        if not is_inference(method, path):
            return work()  # probes and metadata are answered under any load
        answered = await self._admission.run(work)
        if answered is None:
            refused = overloaded(record, self._emit)
            return refusal(refused.status, refused.answer.detail, refused.headers)
        if not executed:
            self._emit(record, answered.status)
        return answered

    def refuse(self, error: RequestError, record: RequestRecord) -> Reply:
        """Answer a request that cannot be read."""
        self._emit(record, error.status)
        return refusal(error.status, str(error))

"""The Open Inference Protocol (V2, HTTP) for stateless scoring: KServe's routers and clients speak it.

The protocol's model is the deployment's route; the route chooses the version. A request's tensor `item_ids` has the
items that a visitor looked at, oldest first. It becomes the body of `POST /v1/recommendations`, and that operation's
answer becomes the tensors `item_ids` and `scores`. Sessions have no place in the protocol: they have their own routes.

Specification: https://github.com/kserve/open-inference-protocol, inference_rest.md and open_inference_rest.yaml.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nextitem.errors import RequestError
from nextitem.service.schema import MAX_BODY_BYTES, Answer, Problem

SERVER, VERSION = "nextitem", "0.1.0"
"""Name and version of the server, as its metadata says."""
PLATFORM = "onnxruntime_onnx"
INPUT, SCORES = "item_ids", "scores"
"""Names of the tensors. `item_ids` is also an output: the recommended items."""
OPTIONS = ("limit", "exclude_seen", "explore", "deadline_ms", "placement")
"""Fields of `POST /v1/recommendations` that a request's parameters may set: those that are no lists or objects."""
IGNORED = ("binary_data_output",)
"""Parameters without effect: tritonclient asks for binary outputs by default, and reads JSON as well."""

MAX_DETAIL_CHARS = 300
"""Of the text of a refusal."""
MODELS = "/v2/models/"
_OK, _BAD_REQUEST, _UNPROCESSABLE, _UNAVAILABLE = 200, 400, 422, 503

Recommend = Callable[[bytes], tuple[int, Any, Mapping[str, str]]]
"""Executes `POST /v1/recommendations`: a body becomes status, `Answer` or `Problem`, and headers."""


class RequestTensor(msgspec.Struct, frozen=True):
    """An input of a request. `data` is flat, or nested by `shape`."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that a request asks for."""

    name: str


class InferenceRequest(msgspec.Struct, frozen=True):
    """The body of an inference. Values of `parameters` are kept as JSON text, and unknown fields are ignored."""

    inputs: list[RequestTensor]
    id: str | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, msgspec.Raw] = {}
    outputs: list[RequestedOutput] = []


class Tensor(msgspec.Struct, frozen=True):
    """An output of a response."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str] | list[float]


class InferenceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of an inference. `id` is the request's."""

    model_name: str
    model_version: str
    id: str | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, str]
    outputs: list[Tensor]


class Reply(msgspec.Struct, frozen=True):
    """The reply to a request: its status, its JSON document, and headers beside the content type."""

    status: int
    document: Any
    headers: Mapping[str, str] = {}

    def body(self) -> bytes:
        """Return the document as JSON text."""
        return msgspec.json.encode(self.document)


def is_path(path: str) -> bool:
    """Return whether a path belongs to the protocol."""
    return path == "/v2" or path.startswith("/v2/")


def is_inference(method: str, path: str) -> bool:
    """Return whether a request of the protocol may execute something."""
    return method == "POST" and path.endswith("/infer")


def reply(method: str, path: str, body: bytes, *, model: str, ready: Callable[[], bool], recommend: Recommend) -> Reply:
    """Answer a request whose path `is_path` accepts. Errors become the protocol's error objects.

    Args:
        method: the HTTP method.
        path: the decoded path, without query.
        body: the request's body.
        model: the name of the protocol's model: the deployment's route.
        ready: returns whether a model is loaded.
        recommend: executes an inference.

    Example:
        ``reply("GET", "/v2/health/live", b"", model="live", ...)`` has status 200 and ``{"live": True}``.
    """
    try:
        return _reply(method, path, body, model, ready, recommend)
    except RequestError as error:
        return refusal(error.status, str(error), {"allow": error.allow} if error.allow else {})


def refusal(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return the protocol's error object as a reply."""
    return Reply(status, {"error": detail}, headers or {})


def inference_body(request: InferenceRequest) -> bytes:
    """Return the body of `POST /v1/recommendations` that a request stands for.

    Raises:
        RequestError: 400, a tensor, a parameter or an output is not the model's.
    """
    for name in request.parameters:
        if name not in (*OPTIONS, *IGNORED):
            raise _bad(f"parameters.{name} is not a parameter of this model; accepted are {', '.join(OPTIONS)}")
    for output in request.outputs:
        if output.name not in (INPUT, SCORES):
            raise _bad(f"outputs: {output.name!r} is not an output of this model; it has {INPUT} and {SCORES}")
    given: dict[str, Any] = {INPUT: _item_ids(request)}
    for name in OPTIONS:
        if name in request.parameters:
            given[name] = request.parameters[name]
    try:
        return msgspec.json.encode(given)
    except (UnicodeError, ValueError):
        raise _bad(f"{INPUT} has half of a surrogate pair, which is no text") from None


def response_of(request: InferenceRequest, answer: Answer, model: str) -> InferenceResponse:
    """Return the response to a request: the outputs that it asked for, with a batch dimension if its input had one.

    Args:
        request: the request, accepted by `inference_body`.
        answer: the answer of `POST /v1/recommendations`.
        model: the name of the protocol's model.
    """
    count = len(answer.recommendations)
    shape = [1, count] if len(request.inputs[0].shape) > 1 else [count]
    tensors = {
        INPUT: Tensor(INPUT, "BYTES", shape, [found.item_id for found in answer.recommendations]),
        SCORES: Tensor(SCORES, "FP32", shape, [found.score for found in answer.recommendations]),
    }
    parameters = {"served_by": answer.served_by, "variant": answer.model.variant}
    if answer.recommendation_id is not None:
        parameters["recommendation_id"] = answer.recommendation_id
    return InferenceResponse(
        model_name=model,
        model_version=answer.model.version,
        id=request.id,
        parameters=parameters,
        outputs=[tensors[name] for name in dict.fromkeys(output.name for output in request.outputs) or tensors],
    )


def _reply(method: str, path: str, body: bytes, model: str, ready: Callable[[], bool], recommend: Recommend) -> Reply:
    if path.rstrip("/") == "/v2":
        _require("GET", method)
        return Reply(_OK, {"name": SERVER, "version": VERSION, "extensions": []})
    if path == "/v2/health/live":
        _require("GET", method)
        return Reply(_OK, {"live": True})
    if path == "/v2/health/ready":
        _require("GET", method)
        return _ready({"live": True}, ready)
    name, _, action = path.removeprefix(MODELS).partition("/")
    if not path.startswith(MODELS) or action not in ("", "ready", "infer"):
        raise RequestError(404, "Not found", _no_path(path))
    if name != model:
        raise RequestError(404, "Not found", f"there is no model {name!r}; this server has {model!r}")
    _require("POST" if action == "infer" else "GET", method)
    if action == "ready":
        return _ready({"name": model}, ready)
    if action == "infer":
        return _infer(body, model, recommend)
    inputs = [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}]
    outputs = [*inputs, {"name": SCORES, "datatype": "FP32", "shape": [-1]}]
    return Reply(_OK, {"name": model, "platform": PLATFORM, "inputs": inputs, "outputs": outputs})


def _infer(body: bytes, model: str, recommend: Recommend) -> Reply:
    if len(body) > MAX_BODY_BYTES:
        raise RequestError(413, "Content too large", f"the body has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    try:
        request = msgspec.json.decode(body, type=InferenceRequest)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _bad(f"the body is no inference request in JSON (binary tensors are not accepted): {error}") from None
    status, answer, headers = recommend(inference_body(request))
    if isinstance(answer, Problem):
        return refusal(_BAD_REQUEST if status == _UNPROCESSABLE else status, _sentence(answer), headers)
    return Reply(status, response_of(request, answer, model), headers)


def _item_ids(request: InferenceRequest) -> list[str]:
    """Return the items of a request's only tensor.

    Raises:
        RequestError: 400, there is another tensor, or its shape or its data are wrong.
    """
    if [tensor.name for tensor in request.inputs] != [INPUT]:
        raise _bad(f"inputs must be one tensor with the name {INPUT}")
    tensor = request.inputs[0]
    if tensor.datatype != "BYTES":
        raise _bad(f"{INPUT}.datatype must be BYTES, not {tensor.datatype!r}: ids are text")
    data = tensor.data
    match tensor.shape:
        case [length]:
            pass
        case [1, length]:
            data = data[0] if len(data) == 1 and isinstance(data[0], list) else data
        case _:
            raise _bad(f"{INPUT}.shape must be [n] or [1, n], not {tensor.shape}: one session a request, no batches")
    if len(data) != length:
        raise _bad(f"{INPUT}.shape says {length} items, and data has {len(data)}")
    for place, item_id in enumerate(data):
        if not isinstance(item_id, str):
            raise _bad(f"{INPUT}.data[{place}] must be a string")
    return data


def _sentence(problem: Problem) -> str:
    """Return what is wrong as one text: an error object of the protocol has no list of fields."""
    faults = problem.errors or []  # UNSET is false
    return "; ".join(f"{fault['field']}: {fault['detail']}" for fault in faults) or problem.detail


def _ready(document: dict[str, Any], ready: Callable[[], bool]) -> Reply:
    is_ready = ready()
    return Reply(_OK if is_ready else _UNAVAILABLE, document | {"ready": is_ready})


def _require(allowed: str, method: str) -> None:
    if method != allowed:
        detail = f"this path accepts {allowed}, not {method}"
        raise RequestError(405, "Method not allowed", detail, allow=allowed)


def _no_path(path: str) -> str:
    if "/versions/" in path:
        return "this server chooses the version by its route: leave /versions/... out of the path"
    return "the protocol has no such path"


def _bad(detail: str) -> RequestError:
    """Return a refusal. Its text is cut: names and shapes in it may be as long as a body."""
    cut = detail if len(detail) <= MAX_DETAIL_CHARS else f"{detail[:MAX_DETAIL_CHARS]}..."
    return RequestError(_BAD_REQUEST, "Malformed request", cut)

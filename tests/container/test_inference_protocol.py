"""The Open Inference Protocol: requests become bodies of POST /v1/recommendations, and answers become tensors.

`open_inference` has the specification's types as its working group generates them. Its client, and tritonclient, ask a
running server in tests/kubernetes/test_image.py.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_inference.openapi.types.inference_error_response import InferenceErrorResponse
from open_inference.openapi.types.inference_response import InferenceResponse
from open_inference.openapi.types.metadata_model_response import MetadataModelResponse
from open_inference.openapi.types.metadata_server_response import MetadataServerResponse

from container import inference_protocol
from container.inference_protocol import MAX_DETAIL_CHARS, OPTIONS, VERSION, Reply, is_path, reply
from nextitem.errors import RequestError
from nextitem.ids import id_fault
from nextitem.service.schema import (
    MAX_BODY_BYTES,
    MAX_EVENTS,
    Answer,
    ItemsBody,
    Problem,
    Recommendation,
    ServedModel,
    parse,
    problem_of,
)

ROOT = Path(__file__).parents[2]
MODEL = "live"
INFER = f"/v2/models/{MODEL}/infer"
ITEM_ID = st.text("aä/ 0✓", min_size=1, max_size=5).filter(lambda text: id_fault(text) is None)
ITEM_IDS = st.lists(ITEM_ID, max_size=4)


class Api:
    """`POST /v1/recommendations` over a catalogue in which each item is followed by one of its name and a number."""

    def __init__(self, problem: Problem | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.problem, self.headers = problem, headers or {}
        self.bodies: list[ItemsBody] = []

    def recommend(self, body: bytes) -> tuple[int, Any, Mapping[str, str]]:
        if self.problem is not None:
            return self.problem.status, self.problem, self.headers
        try:
            wanted = parse(body, ItemsBody)
        except RequestError as error:
            return error.status, problem_of(error), {}
        self.bodies.append(wanted)
        found = [Recommendation(f"{item_id}/{place}", -place / 3) for place, item_id in enumerate(wanted.item_ids)]
        answer = Answer(recommendations=found, served_by="stateless", model=ServedModel("v1", "champion"))
        return 200, answer, self.headers

    def call(self, method: str, path: str, document: Any = None, *, ready: bool = True) -> Reply:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return reply(method, path, body, model=MODEL, ready=lambda: ready, recommend=self.recommend)

    def infer(self, *inputs: Mapping[str, Any], **fields: Any) -> Reply:
        return self.call("POST", INFER, {"inputs": inputs, **fields})


def tensor(item_ids: list[str], **fields: Any) -> dict[str, Any]:
    return {"name": "item_ids", "shape": [len(item_ids)], "datatype": "BYTES", "data": item_ids} | fields


def error_of(answered: Reply) -> str:
    return str(InferenceErrorResponse.parse_raw(answered.body()).error)


@given(item_ids=ITEM_IDS, batched=st.booleans(), nested=st.booleans(), name=st.text(max_size=3))
@pytest.mark.slow
def test_a_session_gets_its_recommendations_as_tensors(
    item_ids: list[str], batched: bool, nested: bool, name: str
) -> None:
    given_tensor = tensor(item_ids, shape=[1, len(item_ids)] if batched else [len(item_ids)])
    given_tensor["data"] = [item_ids] if batched and nested else item_ids
    api = Api()

    answered = api.infer(given_tensor, id=name, parameters={"limit": 7})

    assert [(body.item_ids, body.limit) for body in api.bodies] == [(item_ids, 7)]
    response = InferenceResponse.parse_raw(answered.body())
    assert (answered.status, response.id, response.model_name, response.model_version) == (200, name, MODEL, "v1")
    found, scores = response.outputs
    shape = [1, len(item_ids)] if batched else [len(item_ids)]
    assert (found.name, found.datatype, found.shape) == ("item_ids", "BYTES", shape)
    assert (scores.name, scores.datatype, scores.shape) == ("scores", "FP32", shape)
    document = json.loads(answered.body())
    assert document["outputs"][0]["data"] == [f"{item_id}/{place}" for place, item_id in enumerate(item_ids)]
    assert document["outputs"][1]["data"] == [-place / 3 for place in range(len(item_ids))]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FAULTY = st.fixed_dictionaries(
    {},
    optional={
        "inputs": VALUES | st.lists(st.builds(lambda fields: tensor(["tea"]) | fields, st.dictionaries(
            st.sampled_from(["name", "shape", "datatype", "data", "more"]), VALUES, max_size=2)), max_size=2),
        "outputs": VALUES | st.lists(st.fixed_dictionaries({"name": st.sampled_from(["scores", "item_ids", "x"])})),
        "parameters": VALUES | st.dictionaries(st.sampled_from(OPTIONS), VALUES, max_size=3),
        "id": VALUES,
    },
)  # fmt: skip


@given(document=FAULTY | VALUES)
@pytest.mark.slow
def test_every_body_gets_a_response_or_an_error_of_the_specification(document: Any) -> None:
    answered = Api().call("POST", INFER, document)

    if answered.status == 200:
        InferenceResponse.parse_raw(answered.body())
    else:
        assert (answered.status, bool(error_of(answered))) == (400, True)


@given(body=st.binary(max_size=40))
def test_every_text_gets_an_answer(body: bytes) -> None:
    assert Api().call("POST", INFER, body).status == 400


REFUSALS = {
    "inputs must be one tensor": [tensor(["tea"]), tensor(["mug"])],
    "item_ids.datatype must be BYTES, not 'INT64'": [tensor([], datatype="INT64")],
    "item_ids.shape must be [n] or [1, n], not [2, 1]": [tensor(["tea", "mug"], shape=[2, 1])],
    "item_ids.shape must be [n] or [1, n], not []": [tensor([], shape=[])],
    "item_ids.shape says 3 items, and data has 2": [tensor(["tea", "mug"], shape=[3])],
    "item_ids.data[1] must be a string": [tensor(["tea", "mug"], data=["tea", 5])],
    "item_ids[1]: ": [tensor(["tea", ""])],
    f"length <= {MAX_EVENTS}": [tensor(["tea"] * (MAX_EVENTS + 1))],
}


@pytest.mark.parametrize("detail", REFUSALS)
def test_a_wrong_tensor_is_refused(detail: str) -> None:
    answered = Api().infer(*REFUSALS[detail])

    assert answered.status == 400
    assert detail in error_of(answered)


LONG_TEXT = "x" * 10_000


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [tensor([], shape=[1] * 10_000)]},
        {"inputs": [tensor([], datatype=LONG_TEXT)]},
        {"inputs": [tensor(["tea"])], "parameters": {LONG_TEXT: 1}},
        {"inputs": [tensor(["tea"])], "outputs": [{"name": LONG_TEXT}]},
    ],
)
def test_a_refusal_repeats_no_long_text(body: dict[str, Any]) -> None:
    answered = Api().call("POST", INFER, body)
    assert answered.status == 400
    assert len(error_of(answered)) < MAX_DETAIL_CHARS + 10


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"parameters": {"limits": 3}}, "parameters.limits is not a parameter of this model; accepted are limit"),
        ({"parameters": {"limit": 0}}, "limit: Expected `int` >= 1"),
        ({"parameters": {"limit": "3"}}, "limit: Expected `int`, got `str`"),
        ({"outputs": [{"name": "score"}]}, "outputs: 'score' is not an output of this model"),
    ],
)
def test_a_wrong_parameter_or_output_is_refused(fields: dict[str, Any], detail: str) -> None:
    answered = Api().infer(tensor(["tea"]), **fields)

    assert answered.status == 400
    assert detail in error_of(answered)


def test_parameters_are_options_of_the_request() -> None:
    options = {"limit": 3, "exclude_seen": True, "explore": 0.5, "deadline_ms": 80, "placement": "cart"}
    api = Api()

    assert api.infer(tensor(["tea"]), parameters={**options, "binary_data_output": True}).status == 200

    assert set(options) == set(OPTIONS)
    assert [{name: getattr(body, name) for name in options} for body in api.bodies] == [options]


def test_only_the_outputs_that_a_request_asks_for_are_sent() -> None:
    document = json.loads(Api().infer(tensor(["tea"]), outputs=[{"name": "scores"}]).body())
    assert [output["name"] for output in document["outputs"]] == ["scores"]

    document = json.loads(Api().infer(tensor(["tea"]), outputs=[{"name": "scores"}, {"name": "item_ids"}]).body())
    assert [output["name"] for output in document["outputs"]] == ["scores", "item_ids"]


def test_a_response_says_how_it_was_made() -> None:
    document = json.loads(Api().infer(tensor(["tea"])).body())

    assert document["parameters"] == {"served_by": "stateless", "variant": "champion"}
    assert "id" not in document  # the request had none


def test_a_failure_of_the_operation_keeps_its_status_and_headers() -> None:
    api = Api(Problem("Service unavailable", 503, "no model"), {"retry-after": "1"})

    answered = api.infer(tensor(["tea"]))

    assert (answered.status, answered.headers, error_of(answered)) == (503, {"retry-after": "1"}, "no model")


def test_a_large_body_is_refused() -> None:
    answered = Api().call("POST", INFER, b" " * (MAX_BODY_BYTES + 1))

    assert (answered.status, answered.document["error"].endswith(f"more than {MAX_BODY_BYTES}")) == (413, True)


def test_the_server_and_the_model_describe_themselves() -> None:
    for path in ("/v2", "/v2/"):
        server = MetadataServerResponse.parse_raw(Api().call("GET", path).body())
        assert (server.name, server.version, server.extensions) == ("nextitem", VERSION, [])

    described = MetadataModelResponse.parse_raw(Api().call("GET", f"/v2/models/{MODEL}").body())

    assert described.inputs is not None
    assert described.outputs is not None
    assert described.name == MODEL
    assert [(item.name, item.datatype, item.shape) for item in described.inputs] == [("item_ids", "BYTES", [-1])]
    assert [item.name for item in described.outputs] == ["item_ids", "scores"]


def test_its_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("path", ["/v2/health/ready", f"/v2/models/{MODEL}/ready"])
def test_it_is_ready_once_a_model_is_loaded(path: str) -> None:
    loading, loaded = (Api().call("GET", path, ready=ready) for ready in (False, True))

    assert (loading.status, loading.document["ready"]) == (503, False)
    assert (loaded.status, loaded.document["ready"]) == (200, True)
    assert Api().call("GET", "/v2/health/live", ready=False) == Reply(200, {"live": True})


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/v2/models/other", 404, {}),
        ("GET", "/v2/models", 404, {}),
        ("POST", f"/v2/models/{MODEL}/generate", 404, {}),
        ("POST", f"/v2/models/{MODEL}/versions/v1/infer", 404, {}),
        ("GET", INFER, 405, {"allow": "POST"}),
        ("POST", "/v2", 405, {"allow": "GET"}),
        ("POST", "/v2/health/live", 405, {"allow": "GET"}),
        ("POST", f"/v2/models/{MODEL}/ready", 405, {"allow": "GET"}),
    ],
)
def test_another_path_or_method_is_refused(method: str, path: str, status: int, headers: dict[str, str]) -> None:
    answered = Api().call(method, path, {})

    assert (answered.status, answered.headers) == (status, headers)
    assert error_of(answered)


def test_paths_of_the_protocol_are_told_from_others() -> None:
    assert [is_path(path) for path in ("/v2", "/v2/models", "/v1/recommendations", "/v20")] == [
        True,
        True,
        False,
        False,
    ]


def test_text_that_cannot_be_sent_is_refused() -> None:
    half = msgspec.convert({"inputs": [tensor(["\ud800"])]}, inference_protocol.InferenceRequest)

    with pytest.raises(RequestError, match="surrogate"):
        inference_protocol.inference_body(half)

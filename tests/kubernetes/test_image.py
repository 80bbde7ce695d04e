"""The image serves with no more than it needs, and clients of the Open Inference Protocol get the API's answers."""

import contextlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types.inference_request import InferenceRequest
from tritonclient.utils import InferenceServerException

from devstack.processes.children import Child, Children
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.building import ROOT
from tests.kubernetes.image import USER, docker_command, install, namespace_command, start, variables

ITEMS = ["tea-001", "teapot-002"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("image") / "app", python313)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1) as stack:
        yield stack


@pytest.fixture(scope="module", params=["namespace", "docker"])
def server(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "docker":
        command = docker_command(variables(stack))
    else:
        installed, python313 = (request.getfixturevalue(name) for name in ("installed", "python313"))
        command = namespace_command(installed, python313, variables(stack))
    with Children() as children:
        yield start(children, command, tmp_path_factory.mktemp(request.param) / "server.log")


@pytest.fixture(scope="module")
def address(server: tuple[Child, str]) -> str:
    return server[1]


def request(address: str, method: str, path: str, document: object = None) -> tuple[int, Any]:
    connection = HTTPConnection(address, timeout=60)
    connection.request(method, path, None if document is None else json.dumps(document))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    is_json = response.headers["content-type"].endswith("json")
    return response.status, json.loads(body) if is_json else body


def infer(address: str, item_ids: list[str], parameters: dict[str, Any]) -> tuple[int, Any, str | None]:
    """Return status, outputs by name, and model version of an inference."""
    tensor = {"name": "item_ids", "shape": [len(item_ids)], "datatype": "BYTES", "data": item_ids}
    status, answer = request(address, "POST", "/v2/models/live/infer", {"inputs": [tensor], "parameters": parameters})
    outputs = {output["name"]: output["data"] for output in answer.get("outputs", [])}
    return status, outputs, answer.get("model_version")


def columns_of(answer: Any) -> dict[str, list[Any]]:
    """Return what an inference must say of an answer of the API."""
    found = answer["recommendations"]
    return {"item_ids": [item["item_id"] for item in found], "scores": [item["score"] for item in found]}


def worker_statuses() -> list[str]:
    """Return the kernel's status of each worker process on this machine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # the process has ended
            if b"container.worker" in (folder / "cmdline").read_bytes():
                found.append((folder / "status").read_text())
    return found


def test_the_folder_has_no_tools_and_no_other_part_of_the_project(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}

    assert {"container", "nextitem", "recommend.py", "uvicorn", "onnxruntime"} <= names
    assert names & {"learning", "operations", "model_export", "bin", "torch", "pip", "requirements.txt"} == set()
    assert list(installed.glob("container/requirements.*")) == []
    sources = [path for path in installed.rglob("*.py") if "__pycache__" not in path.parts]
    assert [path for path in sources if not (path.parent / f"__pycache__/{path.stem}.cpython-313.pyc").exists()] == []


def test_it_has_the_packages_of_traces(installed: Path, python313: Path) -> None:
    command = [str(python313), "-c", "import container.otlp_traces"]
    subprocess.run(command, env={"PYTHONPATH": str(installed)}, cwd=installed, check=True)


def test_it_serves_without_root_and_without_privileges(server: tuple[Child, str]) -> None:
    child, address = server
    assert request(address, "GET", "/livez")[0] == request(address, "GET", "/readyz")[0] == 200

    own = [status for status in worker_statuses() if f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status]
    assert len(own) == 2
    assert all("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status for status in own)
    assert child.exit_code is None


def test_a_session_grows_in_the_store(address: str) -> None:
    events = [{"item_id": item, "event_id": f"e{place}"} for place, item in enumerate(ITEMS)]

    status, answer = request(address, "POST", "/v1/sessions/of-the-image/events", {"events": events})

    assert (status, answer["stored"], answer["session_length"], answer["served_by"]) == (200, True, 2, "session")


def test_an_inference_answers_as_the_function(address: str, stack: Stack) -> None:
    _, function = request(urlsplit(stack.url).netloc, "POST", "/v1/recommendations", {"item_ids": ITEMS})

    status, columns, version = infer(address, ITEMS, {})

    assert (status, version) == (200, stack.version)
    assert columns == columns_of(function)


@given(
    item_ids=st.lists(st.sampled_from([*ITEMS, "no-such-item", "t\u00eba/1", "", "null"]), max_size=6),
    options=st.fixed_dictionaries({}, optional={"limit": st.integers(-1, 130), "exclude_seen": st.booleans()}),
)
@settings(max_examples=30, deadline=None)
def test_an_inference_answers_as_the_api(address: str, item_ids: list[str], options: dict[str, Any]) -> None:
    expected, direct = request(address, "POST", "/v1/recommendations", {"item_ids": item_ids, **options})

    status, columns, _ = infer(address, item_ids, options)

    assert status == {200: 200, 422: 400}[expected]
    assert status == 400 or columns == columns_of(direct)


def test_the_documented_inference_answers_as_shown(address: str) -> None:
    page = (ROOT / "docs/howto/kubernetes.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]

    status, answer = request(address, "POST", "/v2/models/live/infer", shown[0])

    assert (status, answer) == (200, shown[1])


@pytest.mark.parametrize("binary", [False, True])
def test_tritonclient_gets_the_same(address: str, binary: bool) -> None:
    _, direct = request(address, "POST", "/v1/recommendations", {"item_ids": ITEMS})
    client = triton.InferenceServerClient(address)
    tensor = triton.InferInput("item_ids", [2], "BYTES")
    tensor.set_data_from_numpy(np.array(ITEMS, dtype=object), binary_data=False)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("scores", "item_ids")]

    result = client.infer("live", [tensor], outputs=outputs, request_id="r1")

    assert (client.is_server_live(), client.is_server_ready(), client.is_model_ready("live")) == (True, True, True)
    assert client.get_model_metadata("live")["inputs"][0]["name"] == tensor.name()
    assert list(result.as_numpy("item_ids")) == [item["item_id"] for item in direct["recommendations"]]
    scores = np.array([item["score"] for item in direct["recommendations"]], np.float32)
    assert result.as_numpy("scores").astype(np.float32).tolist() == scores.tolist()
    assert result.get_response()["id"] == "r1"
    with pytest.raises(InferenceServerException, match="there is no model 'other'"):
        client.infer("other", [tensor])
    client.close()


def test_the_working_groups_client_gets_the_same(address: str) -> None:
    _, direct = request(address, "POST", "/v1/recommendations", {"item_ids": ITEMS})
    document = {"inputs": [{"name": "item_ids", "shape": [1, 2], "datatype": "BYTES", "data": ITEMS}]}

    with httpx.Client() as transport:
        client = OpenInferenceClient(base_url=f"http://{address}", httpx_client=transport)
        response = client.model_infer("live", request=InferenceRequest.parse_obj(document))
        names = client.read_server_metadata().name, client.read_model_metadata("live").name

    assert names == ("nextitem", "live")
    count = len(direct["recommendations"])
    assert [output.shape for output in response.outputs] == [[1, count], [1, count]]


def test_it_ends_without_an_error_on_sigterm(server: tuple[Child, str]) -> None:
    child, _ = server
    child.signal(signal.SIGTERM)

    assert child.wait(30) == 0

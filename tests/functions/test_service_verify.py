"""The operation `verify`, as a deployment's hook invokes it."""

import json
from typing import Any

import boto3
import pytest

from devstack.processes.errors import FunctionFailed
from devstack.publish import demo_artifact
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from nextitem.model.engine import Model
from tests.functions.client import PATIENT, Client

VERIFY = {"operation": "verify"}


def fault_of(client: Client) -> str:
    """Return the message of Lambda's function error."""
    with pytest.raises(FunctionFailed) as caught:
        client.direct(VERIFY)
    error = json.loads(caught.value.payload)
    assert error["errorType"] == "SelfCheckFailed"
    return str(error["errorMessage"])


def test_a_working_version_reports_ok(client: Client, store: Any, model: Model) -> None:
    before = store.dbsize()
    goldens = len(model.certificate.sessions)
    models = [{"version": model.version, "variant": "main", "goldens": goldens}]
    assert client.direct(VERIFY) == {"status": "ok", "models": models, "store": "ok"}
    assert goldens > 4
    assert store.dbsize() == before
    # it is in the metrics as any other invocation
    assert [record["status"] for record in client.records() if record.get("operation") == "verify"] == [200]


def test_verify_has_no_route(client: Client) -> None:
    for method, target in (("POST", "/v1/verify"), ("GET", "/v1/verify"), ("POST", "/verify")):
        assert client.request(method, target, VERIFY).status == 404
    assert client.request("POST", "/v1/recommendations", {**VERIFY, "item_ids": []}).status == 422


@pytest.mark.slow
def test_a_dead_store_is_a_function_error() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        client = Client(stack)
        assert client.direct(VERIFY)["status"] == "ok"
        stack.kill_store()

        assert fault_of(client).startswith("the session store failed the check: ")
        sdk: Any = boto3.client(
            "lambda",
            endpoint_url=stack.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
        )
        answer = sdk.invoke(FunctionName="nextitem", Payload=json.dumps(VERIFY).encode())
        assert answer["FunctionError"] == "Unhandled"
        assert "session store" in json.loads(answer["Payload"].read())["errorMessage"]
        sdk.close()

        # requests are answered all the same, by the same worker
        assert client.append("visitor", ["tent-008"]).status == 200
        assert len(stack.cold_starts) == 1
        records = [json.loads(line) for line in stack.log_lines() if line.startswith('{"_aws"')]
        assert [record["status"] for record in records if record["operation"] == "verify"] == [200, 500, 500]


@pytest.mark.slow
def test_verify_fails_without_a_route() -> None:
    with Stack(max_workers=1, settings=PATIENT) as stack:
        assert "routes/live.json is not in the bucket" in fault_of(Client(stack))


@pytest.mark.slow
def test_verify_fails_without_the_secret() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, secret={"current": "short"}, settings=PATIENT) as stack:
        assert fault_of(Client(stack)) == "the key secret failed the check: the key secret is invalid: ValueError"
        stack.put_secret({"current": "long enough for anybody"})
        assert Client(stack).direct(VERIFY)["status"] == "ok"

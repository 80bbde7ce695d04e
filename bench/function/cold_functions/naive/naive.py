"""The same service without care for its start: boto3, redis-py, pydantic, and all of Powertools.

It creates all clients at import, downloads the model file by file, and keeps a session as JSON. It answers like the
real function, from the same artifact, so that their cold starts can be compared. It ignores races and retries.
"""

import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import onnxruntime as ort
import redis
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import BaseModel

logger = Logger(service="naive")
metrics = Metrics(namespace="naive", service="naive")
tracer = Tracer(service="naive", disabled=True)


class Event(BaseModel):
    """One event."""

    item_id: str
    event_id: str | None = None


class Request(BaseModel):
    """A request to add events."""

    operation: str
    session_id: str
    events: list[Event]


def _download() -> Path:
    bucket = boto3.client("s3")
    name = os.environ["NEXTITEM_BUCKET"]
    route = json.loads(bucket.get_object(Bucket=name, Key="routes/live.json")["Body"].read())
    version = route["variants"][0]["version"]
    folder = Path(tempfile.mkdtemp())
    for entry in bucket.list_objects_v2(Bucket=name, Prefix=f"models/{version}/")["Contents"]:
        bucket.download_file(name, entry["Key"], str(folder / Path(entry["Key"]).name))
    return folder


def _item_ids(path: Path) -> list[str]:
    data = path.read_bytes()
    count = int.from_bytes(data[8:16], "little")
    offsets = np.frombuffer(data, "<u8", count + 1, 24)
    text = data[len(data) - int(offsets[-1]) :]
    return [text[start:end].decode() for start, end in itertools.pairwise(offsets)]


folder = _download()
step = ort.InferenceSession(str(folder / "step.onnx"))
score = ort.InferenceSession(str(folder / "score.onnx"))
item_ids = _item_ids(folder / "vocabulary.bin")
places = {item_id: place for place, item_id in enumerate(item_ids)}
store = redis.Redis.from_url(os.environ["NEXTITEM_STORE_URL"])


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Step the session and rank the catalogue."""
    request = Request.model_validate(event)
    shape = next(node.shape for node in step.get_inputs() if node.name == "hidden")
    stored = store.get(request.session_id)
    hidden = np.array(json.loads(stored) if stored else np.zeros(shape).tolist(), np.float32)
    items = np.array([places[event.item_id] for event in request.events if event.item_id in places], np.int64)
    no_rows = np.empty((0, shape[-1]), np.float32)
    if len(items):
        (hidden,) = step.run(None, {"items": items, "hidden": hidden, "new_rows": no_rows})
    store.set(request.session_id, json.dumps(hidden.tolist()), ex=3600)
    feeds = {node.name: np.empty(0, bool if "bool" in node.type else np.int64) for node in score.get_inputs()}
    feeds |= {"hidden": hidden, "k": np.array([20]), "new_rows": no_rows}
    scores, best = score.run(["scores", "items"], feeds)
    metrics.add_metric("requests", MetricUnit.Count, 1)
    return {"recommendations": [{"item_id": item_ids[i], "score": float(s)} for i, s in zip(best, scores, strict=True)]}

"""The result of a training job, as a document in the bucket: `retraining/<job>.json`.

The state machine's next step reads it; it imports nothing of a training.
"""

import msgspec

from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import InputError, RegistryUnavailable

MAX_RESULT_BYTES = 1 << 16


class TrainingResult(msgspec.Struct, frozen=True):
    """The version that a job has published, whether it passed its gate, and why."""

    version: str
    passed: bool
    reason: str


def result_key(job: str) -> str:
    """Return the key of a job's result."""
    return f"retraining/{job}.json"


def write_result(bucket: ObjectStore, job: str, result: TrainingResult) -> None:
    """Write a job's result; a job that spot capacity has interrupted after it writes the same again.

    Raises:
        RegistryUnavailable: the bucket did not answer, or refused; or the job has another result.
    """
    if not bucket.create(result_key(job), msgspec.json.encode(result)) and read_result(bucket, job) != result:
        raise RegistryUnavailable(f"{result_key(job)} has another result: give each job a name of its own")


def read_result(bucket: ObjectReader, job: str) -> TrainingResult:
    """Return a job's result.

    Raises:
        InputError: it has none.
        RegistryUnavailable: the bucket did not answer, or refused; or the document is damaged.
    """
    stored = bucket.read(result_key(job), MAX_RESULT_BYTES)
    if stored is None:
        raise InputError(f"there is no {result_key(job)}: the job has not written its result")
    try:
        return msgspec.json.decode(stored.data, type=TrainingResult)
    except msgspec.DecodeError as error:
        raise RegistryUnavailable(f"{result_key(job)} is not a result of a training job: {error}") from None

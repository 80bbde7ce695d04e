"""Retrain in a SageMaker training job: ``python -m model_export.retraining.sagemaker`` in its container.

Settings are those of `python -m model_export.retraining`, and `NEXTITEM_RETRAINING_JOB`, the job's name. The job ends
well whether or not the version passed its gate: `model_export.retraining.result` says which. A failure is in the file
that SageMaker shows.
"""

import os
import sys
from collections.abc import Mapping

from model_export.interruption import Stopped, describe_if_stopped, stoppable
from model_export.job_failure import report_failure
from model_export.retraining.__main__ import run
from model_export.retraining.result import TrainingResult, write_result
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import InputError, NextItemError


def train(environment: Mapping[str, str]) -> TrainingResult:
    """Retrain and write the result.

    Raises:
        NextItemError: see `retrain`; or a setting is missing or wrong.
    """
    job = environment.get("NEXTITEM_RETRAINING_JOB")
    if not job:
        raise InputError("NEXTITEM_RETRAINING_JOB is not set: it names the training job")
    retrained = run(environment)
    result = TrainingResult(retrained.version, retrained.verdict.passed, retrained.verdict.reason)
    write_result(BotoObjectStore(environment["NEXTITEM_BUCKET"]), job, result)
    return result


def main() -> int:
    """Train, and return the exit code."""
    with stoppable() as stop:
        describe_if_stopped(lambda: "no version has other traffic")
        try:
            result = train(os.environ)
        except Stopped:
            sys.stderr.write(f"{stop.line()}\n")
            return stop.exit_code
        except Exception as error:
            report_failure(error)
            if isinstance(error, NextItemError):
                return 1
            raise  # a fault of ours: its traceback is in the log
    sys.stderr.write(f"{result.version}: {result.reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

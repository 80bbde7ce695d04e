"""Retrain in a container: ``python -m model_export.retraining``. Settings are environment variables.

`NEXTITEM_BUCKET`, `NEXTITEM_ROUTE`, and for each setting of `nextitem retrain` ``NEXTITEM_RETRAIN_`` with its name, as
 ``NEXTITEM_RETRAIN_MIN_EVENTS``. The result is JSON on standard output; progress and errors are on standard error. The
exit code is that of `nextitem retrain`: 0 passed, 3 did not pass, 2 wrong events or settings, 1 another error.
"""

import os
import sys
from collections.abc import Mapping

import msgspec
from rich.console import Console

from model_export.data.atomic_file import temporary_folder
from model_export.interruption import Stopped, describe_if_stopped, stoppable
from model_export.retraining.retrain import Retrained, retrain
from model_export.retraining.settings import RetrainSettings
from model_export.view import shown
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import InputError, NextItemError

PASSED, FAILED, BAD_INPUT, REFUSED = 0, 1, 2, 3


def run(environment: Mapping[str, str]) -> Retrained:
    """Retrain as an environment says.

    Raises:
        NextItemError: see `retrain`; or a setting is missing or wrong.
    """
    settings = RetrainSettings.from_environment(environment)
    name = environment.get("NEXTITEM_BUCKET")
    if not name:
        raise InputError("NEXTITEM_BUCKET is not set: it names the bucket of the lake and of the models")
    errors = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
    with shown(errors) as work, temporary_folder() as folder:
        route = environment.get("NEXTITEM_ROUTE", "live")
        return retrain(BotoObjectStore(name), folder, settings, route=route, work=work, say=errors.print)


def main() -> int:
    """Retrain, print the result, and return the exit code."""
    with stoppable() as stop:
        describe_if_stopped(lambda: "no version has other traffic")
        try:
            result = run(os.environ)
        except NextItemError as error:
            sys.stderr.write(f"nextitem: {error}\n")
            return BAD_INPUT if isinstance(error, InputError) else FAILED
        except Stopped:
            sys.stderr.write(f"{stop.line()}\n")
            return stop.exit_code
    sys.stderr.write(f"{result.verdict.reason}\n")
    sys.stdout.write(msgspec.json.encode(result.as_json()).decode() + "\n")
    return PASSED if result.verdict.passed else REFUSED


if __name__ == "__main__":
    sys.exit(main())

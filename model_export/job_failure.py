"""Say in a SageMaker training job why it failed: in the file that SageMaker shows, and on standard error."""

import os
import sys
from pathlib import Path

from nextitem.errors import NextItemError

FAILURE = "/opt/ml/output/failure"
"""SageMaker shows this file when a job fails; NEXTITEM_FAILURE_FILE names another."""
MAX_FAILURE = 1024
"""Characters of it that SageMaker shows."""


def report_failure(error: Exception) -> None:
    """Write an error where the people who look for it will see it; of one that is not ours, also its kind."""
    text = str(error) if isinstance(error, NextItemError) else f"{type(error).__name__}: {error}"
    failure = Path(os.environ.get("NEXTITEM_FAILURE_FILE", FAILURE))
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(text[:MAX_FAILURE])
    sys.stderr.write(f"nextitem: {text}\n")

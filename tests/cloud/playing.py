"""Play the story of a stack."""

import time
from collections.abc import Callable
from pathlib import Path

from devstack.cloud.cloud import LocalCloud
from devstack.template.stack import Edit, Values
from tests.cloud.story import Story


def run(
    values: Values, folder: Path, *, edit: Edit | None = None, watch: Callable[[LocalCloud], object] = lambda _: None
) -> float:
    """Play the whole story and return its seconds.

    Args:
        values: of the template's parameters.
        folder: for files.
        edit: changes the template.
        watch: called with the cloud after each step.

    Raises:
        StepFailed: a step was not as expected.
    """
    began, step = time.perf_counter(), "deploy"
    try:
        with LocalCloud(values, edit=edit) as cloud:
            story = Story(cloud, folder)
            for step in story.steps:
                story.steps[step]()
                watch(cloud)
    except Exception as error:
        raise StepFailed(step, error) from error
    return time.perf_counter() - began


class StepFailed(AssertionError):
    """A step of a story failed.

    Attributes:
        step: its name.
    """

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"{step}: {type(error).__name__}: {error}")
        self.step = step

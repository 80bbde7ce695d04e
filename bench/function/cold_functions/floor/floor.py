"""A Lambda function that imports numpy and ONNX Runtime and does nothing: the lower bound of a cold start."""

from typing import Any

import numpy as np
import onnxruntime as ort


def handler(_event: Any, _context: object) -> dict[str, str]:
    """Return the versions of both libraries."""
    return {"numpy": np.__version__, "onnxruntime": ort.__version__}

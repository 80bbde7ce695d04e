"""A Lambda function that imports numpy and ONNX Runtime and does nothing: no function of this kind can go below."""

from typing import Any

import numpy as np
import onnxruntime as ort


def handler(_event: Any, _context: object) -> dict[str, str]:
    """Answer with what was imported."""
    return {"numpy": np.__version__, "onnxruntime": ort.__version__}

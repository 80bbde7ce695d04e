"""Choose the device and the precision of torch."""

import torch

from model_export.training.config import Precision


def device() -> torch.device:
    """Return the GPU if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def product_type(precision: Precision, on: torch.device) -> torch.dtype:
    """Return the type that states and rows are multiplied in.

    Args:
        precision: the setting; "auto" takes bfloat16 only if the hardware multiplies it: otherwise it is slower.
        on: the device.
    """
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if on.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32  # noqa: SLF001  # no public name

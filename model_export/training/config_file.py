"""Read and write training settings as JSON: `nextitem tune` writes such a file, `nextitem train` reads it."""

from pathlib import Path
from typing import Any

import msgspec

from model_export.data.atomic_file import write_atomically
from model_export.training.config import FitConfig
from nextitem.errors import InputError, PathUnusable


def config_from(path: Path, base: FitConfig | None = None) -> FitConfig:
    """Read settings from a file; absent ones are those of `base`, by default the defaults.

    Raises:
        InputError: the file cannot be read, has an unknown name, or a value is out of range.
    """
    try:
        values = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        for name in values:
            if name not in FitConfig.names():
                raise InputError(f"{path}: unknown setting {name!r}. Known settings: {', '.join(FitConfig.names())}")
        return msgspec.convert({**(base or FitConfig()).values(), **values}, FitConfig)
    except OSError as error:
        raise PathUnusable(path, "read", error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a JSON object of settings: {error}") from error


def write_config(path: Path, config: FitConfig) -> None:
    """Write all settings to a file, or leave it unchanged.

    Raises:
        InputError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(config.values()), indent=1) + b"\n"
    write_atomically(path, lambda temporary: temporary.write_bytes(text))

"""Settings of a training in a JSON file: what `tune` writes and `train` takes. Imports no torch."""

from pathlib import Path
from typing import Any

import msgspec

from model_export.data.atomic_file import write_atomically
from model_export.training.config import FitConfig
from nextitem.errors import InputError


def config_from(path: Path) -> FitConfig:
    """Return the settings in a file; those that are absent keep their defaults.

    Raises:
        InputError: it cannot be read, is no object of known names, or a value makes no sense.
    """
    try:
        values = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        for name in values:
            if name not in FitConfig.names():
                raise InputError(f"{path} sets {name!r}, which is none of {', '.join(FitConfig.names())}")
        return msgspec.convert(values, FitConfig)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a JSON object of settings: {error}") from error


def write_config(path: Path, config: FitConfig) -> None:
    """Write all settings to a file, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(config.values()), indent=1) + b"\n"
    write_atomically(path, lambda temporary: temporary.write_bytes(text))

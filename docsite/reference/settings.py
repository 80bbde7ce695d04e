"""The environment variables of the function and of the container, with what the code does without them."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from container import settings as container_settings
from docsite.reference.markdown import code, sentence, table
from nextitem.redis_client import url
from nextitem.settings import FORMS, Settings

REQUIRED = {"NEXTITEM_BUCKET": "models", "NEXTITEM_STORE_URL": "redis://127.0.0.1"}
LEAST = REQUIRED | {"NEXTITEM_KEY_SECRET": "0123456789abcdef"}
"""The least that `Settings.read` accepts. Instead of the secret it also accepts a secret's name."""
OF_THE_MACHINE = {"NEXTITEM_WORKERS"}
"""Their defaults depend on where the container runs; the meaning says how."""
_ATTRIBUTE = re.compile(r"^    (\w+): ``(\w+)``, (.*?)\.?$", re.MULTILINE)
_UNITS = {"_MS": ("ms", 1000), "_SECONDS": ("s", 1)}


def page() -> str:
    """Return the table of all variables, and the forms of the session store's URL."""
    _, _, forms = (inspect.getdoc(url) or "").partition("\n\n")
    return f"{_table(Settings.read(LEAST), FORMS)}\n\n## The session store's URL\n\n{forms}"


def container_page() -> str:
    """Return the table of the variables of the container's server."""
    return _table(container_settings.ContainerSettings.read({}), container_settings.FORMS)


def _table(defaults: msgspec.Struct, forms: Mapping[str, tuple[str, str]]) -> str:
    rows = [
        (code(variable), _default(defaults, field, variable), _text(forms, variable, meaning))
        for field, variable, meaning in documented(type(defaults))
    ]
    return table(("variable", "without it", "meaning"), rows)


def documented(struct: type[msgspec.Struct] = Settings) -> list[tuple[str, str, str]]:
    """Return field, environment variable and meaning of each setting, from the docstring of its struct."""
    text = inspect.getdoc(struct) or ""
    lines = re.sub(r"\n {8}", " ", text.partition("Attributes:\n")[2])  # a description's further lines
    return _ATTRIBUTE.findall(lines)


def _default(defaults: msgspec.Struct, field: str, variable: str) -> str:
    if variable in REQUIRED:
        return "required"
    if variable in OF_THE_MACHINE:
        return ""
    value = getattr(defaults, field)
    for suffix, (unit, factor) in _UNITS.items():
        if variable.endswith(suffix):
            return f"{value * factor:g} {unit}"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(str(value)) if isinstance(value, str | Path | int) else ""


def _text(forms: Mapping[str, tuple[str, str]], variable: str, meaning: str) -> str:
    text = sentence(meaning.replace("``", "`").replace(", or None", "").replace("; required", ""))
    return f"{text} Form: {forms[variable][1]}." if variable in forms else text

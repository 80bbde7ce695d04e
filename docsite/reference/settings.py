"""The environment variables of the function, with what the code does without them."""

import inspect
import re
from pathlib import Path

from docsite.reference.markdown import code, sentence, table
from nextitem.redis_client import url
from nextitem.settings import FORMS, Settings

REQUIRED = {"NEXTITEM_BUCKET": "models", "NEXTITEM_STORE_URL": "redis://127.0.0.1"}
LEAST = REQUIRED | {"NEXTITEM_KEY_SECRET": "0123456789abcdef"}
"""The least that `Settings.read` accepts. Instead of the secret it also accepts a secret's name."""
_ATTRIBUTE = re.compile(r"^    (\w+): ``(\w+)``, (.*?)\.?$", re.MULTILINE)
_UNITS = {"_MS": ("ms", 1000), "_SECONDS": ("s", 1)}


def page() -> str:
    """Return the table of all variables, and the forms of the session store's URL."""
    header = ("variable", "without it", "meaning")
    rows = [
        (code(variable), _default(field, variable), _text(variable, meaning))
        for field, variable, meaning in documented()
    ]
    _, _, forms = (inspect.getdoc(url) or "").partition("\n\n")
    return f"{table(header, rows)}\n\n## The session store's URL\n\n{forms}"


def documented() -> list[tuple[str, str, str]]:
    """Return field, environment variable and meaning of each setting, from the docstring of `Settings`."""
    text = inspect.getdoc(Settings) or ""
    lines = re.sub(r"\n {8}", " ", text.partition("Attributes:\n")[2])  # a description's further lines
    return _ATTRIBUTE.findall(lines)


def _default(field: str, variable: str) -> str:
    if variable in REQUIRED:
        return "required"
    value = getattr(Settings.read(LEAST), field)
    for suffix, (unit, factor) in _UNITS.items():
        if variable.endswith(suffix):
            return f"{value * factor:g} {unit}"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(value) if isinstance(value, str | Path) else ""


def _text(variable: str, meaning: str) -> str:
    text = sentence(meaning.replace("``", "`").replace(", or None", "").replace("; required", ""))
    return f"{text} Form: {FORMS[variable][1]}." if variable in FORMS else text

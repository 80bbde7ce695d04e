"""The parameters of template.yaml."""

from typing import Any

from devstack.template.stack import source
from docsite.reference.markdown import code, plain, table


def page() -> str:
    """Return the table of all parameters, in the template's order."""
    parameters: dict[str, dict[str, Any]] = source()["Parameters"]
    rows = [
        (code(name), code(declared.get("Default", "")), _values(declared), plain(declared["Description"]))
        for name, declared in parameters.items()
    ]
    return table(("parameter", "default", "values", "meaning"), rows)


def _values(declared: dict[str, Any]) -> str:
    if "AllowedValues" in declared:
        return ", ".join(code(value) for value in declared["AllowedValues"] if value != "")
    low, high = declared.get("MinValue"), declared.get("MaxValue")
    bounds = {
        (True, True): f"{low} to {high}",
        (True, False): f"at least {low}",
        (False, True): f"at most {high}",
        (False, False): "",
    }[low is not None, high is not None]
    kind = "a number" if declared["Type"] == "Number" else "a text"
    return ", ".join(filter(None, (kind, bounds)))

"""Check values against the shapes of an AWS API as the service does, which is more than botocore checks.

botocore checks names, types, required members and minima. Its models also have maxima, patterns and enumerations.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn

from botocore.model import ListShape, MapShape, Shape, StructureShape

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def fit(value: Any, shape: Shape, path: str = "") -> Any:
    """Return a value of a template as the API wants it: CloudFormation passes numbers and Booleans as strings.

    Args:
        value: a concrete value.
        shape: of the API's parameter.
        path: for errors, such as ``VpcConfig.SubnetIds[0]``.

    Raises:
        ValueError: the API does not have this name, or refuses this value.
    """
    if isinstance(shape, StructureShape):
        return _structure(value, shape, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            _refuse(value, path, "list")
        _check_length(len(value), shape, path, "elements")
        return [fit(item, shape.member, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            _refuse(value, path, "map")
        return {fit(key, shape.key, path): fit(item, shape.value, f"{path}.{key}") for key, item in value.items()}
    return _scalar(value, shape, path)


def _refuse(value: Any, path: str, kind: str) -> NoReturn:
    raise ValueError(f"{path}: {value!r} is no {kind}")


def _structure(value: Any, shape: StructureShape, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(value, path, "structure")
    if unknown := sorted(value.keys() - shape.members.keys()):
        known = ", ".join(shape.members)
        raise ValueError(f"{'.'.join(filter(None, (path, unknown[0])))} is unknown; {shape.name} has {known}")
    if missing := sorted(set(shape.required_members) - value.keys()):
        raise ValueError(f"{'.'.join(filter(None, (path, missing[0])))} is missing")
    return {name: fit(item, shape.members[name], ".".join(filter(None, (path, name)))) for name, item in value.items()}


def _scalar(value: Any, shape: Shape, path: str) -> Any:
    if shape.type_name == "boolean":
        if isinstance(value, bool):
            return value
        if value not in {"true", "false"}:
            raise ValueError(f"{path}: {value!r} is neither true nor false")
        return value == "true"
    if number := _NUMBERS.get(shape.type_name):
        return _number(value, number, shape, path)
    if shape.type_name != "string":
        return value  # blobs and times are made by a handler, never by the template
    text = str(value).lower() if isinstance(value, bool) else value
    text = str(text) if isinstance(text, int | float) else text
    if not isinstance(text, str):
        _refuse(value, path, "string")
    _check_length(len(text), shape, path, "characters")
    allowed = shape.metadata.get("enum")
    if allowed and text not in allowed:
        raise ValueError(f"{path}: {text!r} is not one of {', '.join(allowed)}")
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(text):
        raise ValueError(f"{path}: {text!r} does not match {pattern.pattern}")
    return text


def _number(value: Any, number: type[int] | type[float], shape: Shape, path: str) -> int | float:
    try:
        result = number(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {value!r} is no {shape.type_name}") from error
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if (minimum is not None and result < minimum) or (maximum is not None and result > maximum):
        raise ValueError(f"{path}: {result} is not from {minimum} to {maximum}")
    return result


def _check_length(length: int, shape: Shape, path: str, unit: str) -> None:
    minimum, maximum = shape.metadata.get("min", 0), shape.metadata.get("max")
    if length < minimum or (maximum is not None and length > maximum):
        raise ValueError(f"{path} has {length} {unit}; allowed are {minimum} to {maximum}")


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """Compile a pattern of an API model; None for the few in syntax that only Java has, such as classes of letters."""
    if not text:
        return None
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None

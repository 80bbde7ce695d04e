"""One documented refusal, and the helpers that its condition is written with."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.template.stack import Properties, Values, listed
from tests.template.refusals.cloud import Cloud

ABSENT = object()
"""A planted value that removes the property."""
AWS = "https://docs.aws.amazon.com"
Refuses = Callable[[Properties, Cloud], bool]


@dataclass(frozen=True)
class Planted:
    """A mistake: values in place of a resource's properties, by dotted path."""

    resource: str
    values: Mapping[str, Any]
    under: Values = field(default_factory=dict)
    """Parameters that create the resource."""

    def applied(self, cloud: Cloud) -> Cloud:
        """Return a copy of the resources with the mistake."""
        planted = copy.deepcopy(cloud)
        properties = planted.resources[self.resource]["Properties"]
        for path, value in self.values.items():
            _put(properties, path.split("."), value)
        return planted


@dataclass(frozen=True)
class Refusal:
    """Values that AWS refuses.

    Attributes:
        name: of the test.
        types: of the resources that have the property.
        condition: one sentence: which values are refused.
        document: address of the document by AWS that says so.
        refuses: whether the properties of one resource have such values.
        planted: an example that is refused.
    """

    name: str
    types: tuple[str, ...]
    condition: str
    document: str
    refuses: Refuses
    planted: Planted

    def faults(self, cloud: Cloud) -> list[str]:
        """Return a sentence for each resource whose values are refused."""
        return [
            f"{name}: {self.condition} ({self.document})"
            for name, properties in cloud.of_type(*self.types)
            if self.refuses(properties, cloud)
        ]


def value_at(properties: Any, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path, or the default if a part is absent."""
    for key in path.split("."):
        if not isinstance(properties, dict) or key not in properties:
            return default
        properties = properties[key]
    return properties


def number_at(properties: Properties, path: str, default: float) -> float:
    """Return a number; parameters make texts of numbers."""
    return float(value_at(properties, path, default))


def is_true(value: Any) -> bool:
    """Return whether CloudFormation reads a value as true."""
    return str(value).lower() == "true"


def compact(document: Any) -> str:
    """Return a document as JSON without white space, the length that AWS counts."""
    return "".join(json.dumps(document, ensure_ascii=False).split())


def statements(document: Any) -> list[Any]:
    """Return the statements of a policy."""
    return listed(document.get("Statement", []))


def texts(value: Any) -> Iterator[str]:
    """Yield every text and key in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)


def _put(target: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target.setdefault(key, {})
    if value is ABSENT:
        del target[last]
    elif isinstance(target, list):
        target[int(last)] = value
    else:
        target[last] = value

"""Replace the intrinsic functions that only a deployment can answer, as CloudFormation does.

`Resolver` evaluates parameters and conditions first. References to names, ARNs and endpoints are left for this module.
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Protocol

_MAX_CIDRS = 256
_IN_TEXT = re.compile(r"\$\{(!?)([^!}][^}]*)\}")
"""A variable of Fn::Sub: ``${Name}``, ``${Name.Attribute}``, or ``${!Text}``, which stands for ``${Text}``."""


class Lookup(Protocol):
    """Answers references. An unknown name or attribute raises KeyError."""

    def ref(self, name: str) -> str:
        """Return the physical id of a resource, or the value of a pseudo parameter such as ``AWS::Region``."""

    def attribute(self, name: str, attribute: str) -> str:
        """Return an attribute of a resource, such as ``Arn`` or ``Endpoint.Address``."""

    def zones(self, region: str) -> list[str]:
        """Return the availability zones of a region, in AWS's order."""


def resolve_value(value: Any, lookup: Lookup) -> Any:
    """Return a value with concrete values in place of intrinsic functions.

    Args:
        value: of a template after `Resolver.resolve`.
        lookup: of the resources that exist so far.

    Raises:
        ValueError: a name, an attribute or a function is unknown, or a function has wrong arguments.

    Example:
        ``resolve_value({"Fn::Sub": "${Bucket.Arn}/models/*"}, lookup)`` → ``"arn:aws:s3:::shop/models/*"``
    """
    if isinstance(value, list):
        return [resolve_value(item, lookup) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref" or (isinstance(function, str) and function.startswith("Fn::")):
            return _called(function, argument, lookup)
    return {key: resolve_value(item, lookup) for key, item in value.items()}


def _called(function: str, argument: Any, lookup: Lookup) -> Any:
    if function not in _FUNCTIONS:
        raise ValueError(f"{function} cannot be resolved here; known are {', '.join(sorted(_FUNCTIONS))}")
    return _FUNCTIONS[function](argument, lookup)


def _ref(argument: Any, lookup: Lookup) -> str:
    try:
        return lookup.ref(argument)
    except KeyError as error:
        raise ValueError(f"Ref {argument}: there is no such resource or pseudo parameter") from error


def _attribute(argument: Any, lookup: Lookup) -> str:
    name, *path = argument.split(".") if isinstance(argument, str) else argument
    attribute = ".".join(path)
    try:
        return lookup.attribute(name, attribute)
    except KeyError as error:
        raise ValueError(f"Fn::GetAtt {name}.{attribute}: there is no such resource or attribute") from error


def _substituted(argument: Any, lookup: Lookup) -> str:
    template, own = (argument, {}) if isinstance(argument, str) else argument
    values = {name: _text("Fn::Sub", resolve_value(value, lookup)) for name, value in own.items()}

    def replacement(match: re.Match[str]) -> str:
        literal, name = match[1], match[2].strip()
        if literal:
            return f"${{{match[2]}}}"
        if name in values:
            return values[name]
        return _text("Fn::Sub", _attribute(name, lookup) if "." in name else _ref(name, lookup))

    return _IN_TEXT.sub(replacement, template)


def _joined(argument: Any, lookup: Lookup) -> str:
    separator, parts = argument
    return str(separator).join(_text("Fn::Join", part) for part in _list("Fn::Join", parts, lookup))


def _selected(argument: Any, lookup: Lookup) -> Any:
    index, values = resolve_value(argument[0], lookup), _list("Fn::Select", argument[1], lookup)
    if not 0 <= int(index) < len(values):
        raise ValueError(f"Fn::Select: there is no element {index} in {values}")
    return values[int(index)]


def _split(argument: Any, lookup: Lookup) -> list[str]:
    separator, text = argument
    return _text("Fn::Split", resolve_value(text, lookup)).split(separator)


def _cidrs(argument: Any, lookup: Lookup) -> list[str]:
    block, count, bits = (resolve_value(item, lookup) for item in argument)
    network = ipaddress.ip_network(block)
    prefix = network.max_prefixlen - int(bits)
    if not (1 <= int(count) <= _MAX_CIDRS and network.prefixlen <= prefix <= network.max_prefixlen):
        raise ValueError(f"Fn::Cidr: {block} has no {count} blocks of {bits} bits")
    blocks = [str(subnet) for subnet in islice(network.subnets(new_prefix=prefix), int(count))]
    if len(blocks) < int(count):
        raise ValueError(f"Fn::Cidr: {block} has {len(blocks)} blocks of {bits} bits, not {count}")
    return blocks


def _zones(argument: Any, lookup: Lookup) -> list[str]:
    region = _text("Fn::GetAZs", resolve_value(argument, lookup))
    return lookup.zones(region or _ref("AWS::Region", lookup))


def _base64(argument: Any, lookup: Lookup) -> str:
    return base64.b64encode(_text("Fn::Base64", resolve_value(argument, lookup)).encode()).decode()


_FUNCTIONS: Mapping[str, Callable[[Any, Lookup], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _attribute,
    "Fn::Sub": _substituted,
    "Fn::Join": _joined,
    "Fn::Select": _selected,
    "Fn::Split": _split,
    "Fn::Cidr": _cidrs,
    "Fn::GetAZs": _zones,
    "Fn::Base64": _base64,
}


def _list(function: str, value: Any, lookup: Lookup) -> list[Any]:
    resolved = resolve_value(value, lookup)
    if isinstance(resolved, list):
        return resolved
    raise ValueError(f"{function}: {resolved!r} is no list")


def _text(function: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{function}: {value!r} is no text")

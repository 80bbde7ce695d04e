"""Evaluate parameters, conditions and Fn::If of a transformed template, as CloudFormation does.

What only a deployment knows (names, ARNs, endpoints) stays a Ref, Fn::GetAtt or Fn::Sub.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NO_VALUE = object()
"""The result of AWS::NoValue."""
_VARIABLE = re.compile(r"\$\{([^!}]+)\}")


class Resolver:
    """Resolves one template under one combination of parameter values.

    Args:
        template: a transformed template.
        values: of parameters; the others have their defaults.

    Raises:
        ValueError: a parameter does not exist, or may not have its value.
    """

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, str | int | float]) -> None:
        self._template = template
        declared = template.get("Parameters", {})
        if unknown := values.keys() - declared.keys():
            raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}")
        self.values = {name: str(values.get(name, parameter.get("Default"))) for name, parameter in declared.items()}
        for name, parameter in declared.items():
            _check(name, self.values[name], parameter)

    def condition(self, name: str) -> bool:
        """Return whether a condition of the template holds."""
        return self._holds(self._template["Conditions"][name])

    def broken_rules(self) -> list[str]:
        """Return the descriptions of the assertions that refuse these values."""
        return [
            assertion["AssertDescription"]
            for rule in self._template.get("Rules", {}).values()
            if self._holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]

    def section(self, name: str) -> dict[str, Any]:
        """Return the existing entries of a section (Resources, Outputs), resolved."""
        return {
            entry: self.resolve({key: value for key, value in body.items() if key != "Condition"})
            for entry, body in self._template[name].items()
            if "Condition" not in body or self.condition(body["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """Return a value without conditions and parameters."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._called(function, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _called(self, function: str, argument: Any) -> Any:
        result: Any = {function: self.resolve(argument)}
        match function, argument:
            case "Ref", str():
                result = _NO_VALUE if argument == "AWS::NoValue" else self.values.get(argument, {"Ref": argument})
            case "Fn::If", [name, then, otherwise]:
                result = self.resolve(then if self.condition(name) else otherwise)
            case "Fn::Split", [separator, text]:
                whole = self.resolve(text)
                result = whole.split(separator) if isinstance(whole, str) else {function: [separator, whole]}
            case "Fn::Sub", _:
                result = self._substituted(argument)
        return result

    def _substituted(self, argument: Any) -> Any:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))
        known = self.values | {name: value for name, value in own.items() if isinstance(value, str)}
        text = _VARIABLE.sub(lambda match: known.get(match[1], match[0]), text)
        own = {name: value for name, value in own.items() if name not in known}
        if own:
            return {"Fn::Sub": [text, own]}
        # `${!Name}` stands for `${Name}`; as long as the text is an Fn::Sub, it stays as written
        return {"Fn::Sub": text} if _VARIABLE.search(text) else text.replace("${!", "${")

    def _holds(self, expression: Any) -> bool:
        ((function, argument),) = expression.items()
        match function:
            case "Fn::Equals":
                left, right = map(self.resolve, argument)
                return str(left) == str(right)
            case "Fn::Contains":
                listed, value = map(self.resolve, argument)
                return str(value) in map(str, listed)
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And":
                return all(map(self._holds, argument))
            case "Fn::Or":
                return any(map(self._holds, argument))
            case "Condition":
                return self.condition(argument)
        raise ValueError(f"{function} is no condition")


def references(value: Any) -> Iterator[str]:
    """Yield the names that a resolved value refers to: resources, parameters, pseudo parameters."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            match key, item:
                case "Ref", str():
                    yield item
                case "Fn::GetAtt", [name, *_]:
                    yield name
                case "Fn::GetAtt", str():
                    yield item.partition(".")[0]
                case "Fn::Sub", str():
                    yield from (name.partition(".")[0] for name in _VARIABLE.findall(item))
                case "Fn::Sub", [str(), dict()]:
                    named = {name.partition(".")[0] for name in _VARIABLE.findall(item[0])}
                    yield from named - item[1].keys()
                    yield from references(item[1])
                case _:
                    yield from references(item)


def _check(name: str, value: str, declared: Mapping[str, Any]) -> None:
    allowed = [str(value) for value in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise ValueError(f"{name} may be {allowed}, not {value}")
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        raise ValueError(f"{name} must be like {declared['AllowedPattern']}, not {value}")
    if declared["Type"] == "Number":
        minimum, maximum = float(declared.get("MinValue", "-inf")), float(declared.get("MaxValue", "inf"))
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{name} must be a number, not {value}") from None
        if not minimum <= number <= maximum:
            raise ValueError(f"{name} must be from {minimum} to {maximum}, not {value}")

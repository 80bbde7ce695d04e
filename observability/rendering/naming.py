"""Names of the template's resources: logical ids, and deployed names that begin with the function's name."""

from typing import Any

LOG_GROUP_IS_NAMED = "LogGroupIsNamed"
"""Condition of the template; without it, the log group is named after the function."""


def logical_id(name: str) -> str:
    """Return the logical id of a name in kebab-case: `OnCall` for `on-call`."""
    return "".join(part.capitalize() for part in name.split("-"))


def alarm_id(name: str) -> str:
    """Return an alarm's logical id."""
    return f"{logical_id(name)}Alarm"


def deployed_name(name: str) -> dict[str, str]:
    """Return the name under which an alarm or a dashboard is deployed."""
    return {"Fn::Sub": f"${{FunctionName}}-{name}"}


def substitute(text: str) -> str | dict[str, Any]:
    """Return a text for CloudFormation, which replaces the parameters that it names."""
    if text == "${LogGroupName}":
        return {"Fn::If": [LOG_GROUP_IS_NAMED, {"Ref": "LogGroupName"}, {"Fn::Sub": "/aws/lambda/${FunctionName}"}]}
    return {"Fn::Sub": text} if "${" in text else text

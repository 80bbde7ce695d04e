"""Rules of composite alarms, on the states of other alarms: `AllOf((InAlarm("a"), Not(InAlarm("b"))))`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InAlarm:
    """True while the alarm of that name is in the state ALARM."""

    name: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """True while all rules are."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True while at least one rule is."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True while the rule is not."""

    rule: "Rule"


Rule = InAlarm | AllOf | AnyOf | Not


def is_true(rule: Rule, in_alarm: Collection[str]) -> bool:
    """Return whether a rule is true while the alarms of those names are in the state ALARM."""
    match rule:
        case InAlarm(name):
            return name in in_alarm
        case AllOf(rules):
            return all(is_true(part, in_alarm) for part in rules)
        case AnyOf(rules):
            return any(is_true(part, in_alarm) for part in rules)
        case Not(inner):
            return not is_true(inner, in_alarm)


def rule_text(rule: Rule, full_name: Callable[[str], str]) -> str:
    """Write a rule in CloudWatch's notation; `full_name` returns the deployed name of an alarm."""
    match rule:
        case InAlarm(name):
            return f'ALARM("{full_name(name)}")'
        case AllOf(rules):
            return f"({' AND '.join(rule_text(part, full_name) for part in rules)})"
        case AnyOf(rules):
            return f"({' OR '.join(rule_text(part, full_name) for part in rules)})"
        case Not(inner):
            return f"NOT {rule_text(inner, full_name)}"


def alarm_names(rule: Rule) -> tuple[str, ...]:
    """Return the names of the alarms that a rule depends on."""
    match rule:
        case InAlarm(name):
            return (name,)
        case AllOf(rules) | AnyOf(rules):
            return tuple(name for part in rules for name in alarm_names(part))
        case Not(inner):
            return alarm_names(inner)

"""Say an experiment's evidence as people read it."""

from model_export.experiments.decide import Decision
from model_export.experiments.evidence import Estimate
from model_export.experiments.outcomes import METRIC_NAMES
from model_export.experiments.records import Outcome

ACTIONS = {
    "continue": "goes on",
    "raise_share": "share raised",
    "promote": "challenger promoted",
    "rollback": "challenger rolled back",
}
OUTCOMES: dict[Outcome, str] = {
    "promoted": "the challenger was promoted",
    "rolled_back": "the challenger was rolled back",
    "stopped": "a person stopped it",
    "ended_by_hand": "a person changed the route",
    "never_started": "it never started",
}


def change_in_words(decision: Decision) -> str:
    """Return the relative change of the metric that decides, with its interval.

    Example:
        ``hit rate +1.2 % [-0.4, +2.9]``
    """
    return f"{METRIC_NAMES[decision.rules.metric]} {relative_change(decision.relative_difference)}"


def relative_change(estimate: Estimate) -> str:
    """Return an estimate of a relative change in percent, with its interval."""
    if estimate.value is None:
        return "not known yet"
    low = "-∞" if estimate.low is None else f"{100 * estimate.low:+.1f}"
    high = "+∞" if estimate.high is None else f"{100 * estimate.high:+.1f}"
    return f"{100 * estimate.value:+.1f} % [{low}, {high}]"

"""Show two versions beside each other."""

from typing import TYPE_CHECKING

from model_export.cli.console import OUT, say
from model_export.cli.tables import column, table

if TYPE_CHECKING:  # `--help` must not wait for numpy
    from model_export.evaluation.versions import VersionComparison
    from model_export.metrics.bootstrap import Estimate

SHOWN = ("hr@20", "mrr@20")


def show_comparison(result: "VersionComparison") -> None:
    """Print a table of both versions, and what it shows on standard error."""
    quality = table(
        "",
        *(column(metric, number=True) for metric in SHOWN),
        title=f"{result.targets} next items of {result.sessions} sessions",
    )
    for name, estimates in (*result.quality.items(), ("difference", result.difference)):
        sign = "+" if name == "difference" else ""
        quality.add_row(name, *(_interval(estimates[metric], sign) for metric in SHOWN))
    OUT.print(quality)
    for metric in SHOWN:
        say(f"{metric.upper()}: {_in_words(result.candidate, result.difference[metric])}")


def _in_words(candidate: str, difference: "Estimate") -> str:
    if difference.low > 0:
        return f"{candidate} is better by {difference.low:.4f} at least (95 % interval)"
    if difference.high < 0:
        return f"{candidate} is worse by {-difference.high:.4f} at least (95 % interval)"
    return "no difference is shown: the 95 % interval has 0 in it"


def _interval(estimate: "Estimate", sign: str) -> str:
    value, low, high = (f"{number:{sign}.4f}" for number in estimate)
    return f"{value} [{low}, {high}]"

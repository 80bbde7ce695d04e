"""Estimate what a run costs, from the monthly cost of the same stack."""

from model_export.cost.estimate import SECONDS, Deployment, cost_of

CATALOGUE = 400
"""Items of the demo model."""


def estimated_bill(requests: int, seconds: float) -> dict[str, float]:
    """Return US dollars by line for a stack that exists for some seconds and answers some requests.

    Everything that the stack contains is billed by the hour or less.
    """
    month = cost_of(Deployment(rps=max(requests, 1) / seconds, catalogue=CATALOGUE, versions=1))
    return {name: dollars * seconds / SECONDS for name, dollars in month.lines.items()}

"""Examine an installation: environment, credentials, bucket, clock, route, versions and session store."""

from model_export.doctor.examine import Target, examine
from model_export.doctor.finding import Finding, worst

__all__ = ["Finding", "Target", "examine", "worst"]

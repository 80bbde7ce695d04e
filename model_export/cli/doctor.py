"""Command `doctor`: what works, what does not, and what to do."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import typer

from model_export.cli.console import print_json, waiting
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, RouteName, StoreUrlText
from model_export.cli.settings_file import SETTINGS_FILE

WIDTH = 18
"""Columns of a check's name."""


def doctor(
    context: typer.Context,
    registry: BucketOptions,
    route: RouteName = "live",
    store_url: StoreUrlText = None,
    as_json: Json = False,
) -> None:
    """Check environment, credentials, bucket, clock, route, versions and session store, and say what to do.

    Each version of the route is downloaded and answers its golden sessions, as before a promotion. The store gets a
    probe session, which is deleted. The exit code is 1 if a check fails.
    """
    with waiting("starting") as show:
        from model_export.doctor import Finding, Target, examine, worst  # imported lazily: 0.1 s

        target = Target(registry.bucket, registry.region, registry.endpoint_url, route, store_url)
        path = context.find_root().params["settings"] or Path(SETTINGS_FILE)
        used = f"{path} is read" if path.exists() else f"none: `nextitem init` writes {SETTINGS_FILE}"
        findings = [
            Finding("settings file", "ok", used),
            *examine(target, lambda part: show(f"checking {part}")),
        ]
    status = worst(findings)
    if as_json:
        print_json({"status": status, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            typer.echo(f"{finding.status:<5} {finding.check:<{WIDTH}} {finding.detail}")
            if finding.remedy:
                typer.echo(f"{'':<5} {'':<{WIDTH}} -> {finding.remedy}")
        counts = Counter(finding.status for finding in findings)
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    if status == "fail":
        raise typer.Exit(1)

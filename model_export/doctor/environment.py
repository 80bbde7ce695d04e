"""Check this machine: Python, the packages, and the settings."""

import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from model_export.doctor.finding import Finding
from nextitem.errors import SettingsError
from nextitem.settings import Settings

PACKAGE, EXTRA = "nextitem", "export"
"""The command line needs the library's own requirements, and those of this extra."""
SHOWN = ("onnxruntime", "torch", "redis", "boto3")
"""Packages whose versions are shown."""


def check_python() -> Finding:
    """Compare Python with the version that the package needs."""
    needed, running = metadata(PACKAGE)["Requires-Python"], platform.python_version()
    if running in SpecifierSet(needed):
        return Finding("python", "ok", running)
    return Finding("python", "fail", f"{running}; nextitem needs {needed}", f"Install Python {needed}.")


def check_packages() -> Finding:
    """Compare the installed packages with the versions that the package needs."""
    needed = requirements()
    faults = [fault for requirement in needed for fault in _faults(requirement)]
    if faults:
        return Finding("packages", "fail", "; ".join(faults), f"pip install '{PACKAGE}[{EXTRA}]'")
    shown = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    return Finding("packages", "ok", f"all {len(needed)} as required, among them {shown}")


def check_settings(given: Mapping[str, str | None], environment: Mapping[str, str] = os.environ) -> Finding:
    """Check the form of all settings as the function does when it starts.

    Args:
        given: settings that options or the settings file set, or None, by the name of their variable.
        environment: the environment variables.
    """
    variables = {
        name: value
        for name, value in {**environment, **{name: value for name, value in given.items() if value}}.items()
        if value
    }
    # The function has these two where it runs; here they may be missing.
    variables.setdefault("NEXTITEM_STORE_URL", "redis://localhost")
    if not variables.get("NEXTITEM_KEY_SECRET_ID"):
        variables.setdefault("NEXTITEM_KEY_SECRET", "a secret of the right length")
    variables.setdefault("NEXTITEM_BUCKET", "not-set")
    try:
        Settings.read(variables)
    except SettingsError as error:
        return Finding("settings", "fail", str(error), "Correct this option, variable or key of nextitem.toml.")
    return Finding("settings", "ok", "bucket, route, region, store URL and all NEXTITEM_ variables have the right form")


def requirements() -> list[Requirement]:
    """Return the requirements of the library and of the command line."""
    needed = map(Requirement, metadata(PACKAGE).get_all("Requires-Dist") or ())
    return [each for each in needed if each.marker is None or each.marker.evaluate({"extra": EXTRA})]


def _faults(requirement: Requirement) -> Iterator[str]:
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        yield f"{requirement.name} is not installed"
        return
    if not requirement.specifier.contains(installed, prereleases=True):
        yield f"{requirement.name} {installed} is installed, {requirement.specifier} is needed"

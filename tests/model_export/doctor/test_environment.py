"""Python, packages and settings of this machine."""

from importlib.metadata import PackageNotFoundError, version

import pytest

from model_export.doctor import environment
from model_export.doctor.environment import check_packages, check_python, check_settings


def test_this_installation_is_sound() -> None:
    assert check_python().status == "ok"
    assert check_packages().status == "ok"


@pytest.mark.parametrize(
    ("installed", "what"),
    [("8.0.0", "redis 8.0.0 is installed, ==8.1.0 is needed"), (None, "redis is not installed")],
)
def test_a_package_that_is_missing_or_of_another_version_is_named(
    installed: str | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN another version of one package, or none
    def other_version(name: str) -> str:
        if name != "redis":
            return version(name)
        if installed is None:
            raise PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(environment, "version", other_version)
    # THEN it is named, with the command that repairs it
    finding = check_packages()
    assert (finding.status, finding.detail) == ("fail", what)
    assert finding.remedy == "pip install 'nextitem[export]'"


def test_the_packages_are_those_of_the_command_line() -> None:
    # Requirements of the library and of the extra `export`, and of no other extra
    names = {requirement.name for requirement in environment.requirements()}
    assert {"onnxruntime", "redis", "typer", "torch"} <= names
    assert not {"pytest", "optuna", "matplotlib"} & names


@pytest.mark.parametrize(
    ("given", "variables", "what"),
    [
        ({"NEXTITEM_BUCKET": "s3://shop"}, {}, "NEXTITEM_BUCKET must be the name of a bucket"),
        ({"NEXTITEM_ROUTE": "a/b"}, {}, "NEXTITEM_ROUTE must be the name of a route"),
        ({"AWS_REGION": "Frankfurt"}, {}, "AWS_REGION must be a region"),
        ({}, {"NEXTITEM_DEADLINE_MS": "-1"}, "NEXTITEM_DEADLINE_MS must be"),
        ({}, {"NEXTITEM_KEY_SECRET": "short"}, "NEXTITEM_KEY_SECRET is refused"),
        ({"NEXTITEM_BUCKET": "shop"}, {"NEXTITEM_BUCKET": "s3://wrong"}, None),
        ({"NEXTITEM_BUCKET": None}, {"NEXTITEM_STORE_URL": "", "NEXTITEM_KEY_SECRET_ID": "name"}, None),
    ],
)
def test_settings_are_read_as_the_function_reads_them(
    given: dict[str, str | None], variables: dict[str, str], what: str | None
) -> None:
    finding = check_settings(given, variables)
    assert (finding.status, what or "") == ("fail" if what else "ok", what if what and what in finding.detail else "")

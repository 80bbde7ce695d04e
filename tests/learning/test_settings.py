"""The settings of the loop's functions, and that template.yaml sets exactly those that each reads."""

import ast
from typing import Any

import pytest

from devstack.template.stack import ROOT, deployed
from learning.settings import Settings, positive, store_url
from nextitem.errors import SettingsError
from tests.template.combinations import LEARNING

BUCKET = {"NEXTITEM_BUCKET": "models"}
GIVEN_BY_LAMBDA = {"AWS_REGION"}
OF_SETTINGS = {"NEXTITEM_BUCKET", "NEXTITEM_STACK"}
"""Every function of the loop has these; the route's name is the default one."""


def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of the loop's functions, by the name of their module."""
    found = deployed(LEARNING).of_type("AWS::Lambda::Function").values()
    return {each["Handler"].split(".")[1]: each for each in found if each["Handler"].startswith("learning.")}


def test_without_a_bucket_a_function_says_so() -> None:
    with pytest.raises(SettingsError, match="NEXTITEM_BUCKET is not set"):
        Settings.read({})


def test_defaults_are_those_of_the_service() -> None:
    settings = Settings.read(BUCKET)
    assert (settings.bucket, settings.route, settings.stack) == ("models", "live", "nextitem")


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many", "²"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="NEXTITEM_LAKE_BUCKETS"):
        positive("NEXTITEM_LAKE_BUCKETS", {"NEXTITEM_LAKE_BUCKETS": text})


def test_a_store_must_be_given() -> None:
    with pytest.raises(SettingsError, match="NEXTITEM_STORE_URL"):
        store_url({})


def test_the_template_sets_what_each_function_reads() -> None:
    for module, function in functions().items():
        nodes = list(ast.walk(ast.parse((ROOT / "functions" / "learning" / f"{module}.py").read_text())))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        read = {text for text in texts if text.startswith("NEXTITEM_")} | OF_SETTINGS
        if any(isinstance(node, ast.Name) and node.id == "store_url" for node in nodes):
            read.add("NEXTITEM_STORE_URL")
        assert set(function["Environment"]["Variables"]) == read, module

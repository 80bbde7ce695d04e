"""The settings for `sam local invoke`, which passes on only variables that the template has."""

import json

from devstack.template.stack import ROOT, source
from nextitem.settings import Settings
from tests.template.test_function import environment_on_lambda


def test_sam_local_env_sets_only_variables_of_the_template() -> None:
    (name,) = overrides = json.loads((ROOT / "devstack" / "sam_local_env.json").read_text())
    own = environment_on_lambda({})

    assert name == "RecommendFunction"
    assert overrides[name].keys() <= own.keys()
    url = Settings.read(own | overrides[name]).store_url
    assert (url.shape, url.tls, url.iam) == ("single", False, None)


def test_the_page_names_what_sam_local_cannot_do_by_itself() -> None:
    page = (ROOT / "docs" / "local.md").read_text()
    (command,) = [line for line in page.splitlines() if line.startswith(".sam-venv/bin/sam local invoke")]

    assert "--region REGION" in command
    managed = [
        name for name, resource in source()["Resources"].items() if resource.get("Metadata", {}).get("SkipBuild")
    ]
    assert managed == [
        "ManagedRecommendFunction",
        *("CompactFunction", "DecideFunction", "DriftFunction", "StartCanaryFunction"),
    ]
    for name in managed:
        assert f"`{name}`" in page


def test_every_parameter_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "deploying.md").read_text()
    assert [name for name in source()["Parameters"] if f"`{name}`" not in guide] == []

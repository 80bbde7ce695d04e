"""What `sam local invoke` is given; it passes on only variables that the template has."""

import json

from nextitem.settings import Settings
from tests.template.stack import ROOT
from tests.template.test_function import as_lambda_has_it


def test_env_json_sets_what_the_template_has_and_the_service_reads() -> None:
    # GIVEN devstack/sam_local_env.json and the function's own environment
    (name,) = given = json.loads((ROOT / "devstack" / "sam_local_env.json").read_text())
    own = as_lambda_has_it({})

    # WHEN the one goes over the other THEN every name has an effect, and the service can be started with it
    assert name == "RecommendFunction"
    assert given[name].keys() <= own.keys()
    url = Settings.read(own | given[name]).store_url
    assert (url.shape, url.tls, url.iam) == ("single", False, None)


def test_every_parameter_is_in_the_guide() -> None:
    # GIVEN the template's parameters WHEN docs/deploying.md is searched THEN each is there
    from tests.template.stack import source

    guide = (ROOT / "docs" / "deploying.md").read_text()
    assert [name for name in source()["Parameters"] if f"`{name}`" not in guide] == []

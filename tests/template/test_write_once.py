"""Objects that are written once can be created, and are listed for a reason."""

import pytest

from devstack.template.stack import deployed
from tests.template.combinations import LEARNING
from tests.template.write_once import REWRITTEN, WRITE_ONCE, creators, overwritable_objects, readers


@pytest.mark.parametrize("key", WRITE_ONCE)
def test_an_object_that_is_written_once_has_a_role_that_creates_it(key: str) -> None:
    assert creators(deployed(LEARNING), key)


@pytest.mark.parametrize("key", WRITE_ONCE)
def test_a_role_that_creates_an_object_may_ask_whether_it_is_there(key: str) -> None:
    # S3 refuses to create what is there. A HEAD of it says who wrote it: without s3:GetObject it is an error
    stack = deployed(LEARNING)
    assert creators(stack, key) <= readers(stack, key)


def test_no_role_replaces_such_an_object() -> None:
    assert overwritable_objects(deployed(LEARNING)) == []


@pytest.mark.slow
def test_each_exception_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [f"{owner} may replace {key} with If-Match" for key, owner in REWRITTEN]
    monkeypatch.setattr("tests.template.write_once.REWRITTEN", {})
    assert overwritable_objects(deployed(LEARNING)) == found

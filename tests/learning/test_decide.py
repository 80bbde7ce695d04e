"""The function that looks at the experiment; looks themselves are tested with `model_export.experiments`."""

import json
from typing import Any

import msgspec
import pytest

from learning import decide
from nextitem.telemetry.metrics import GUARDS_UNMEASURED


class Look(msgspec.Struct):
    """The part of a look that the function reads."""

    unmeasured: str


@pytest.fixture(autouse=True)
def without_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket and no CloudWatch."""
    monkeypatch.setenv("NEXTITEM_BUCKET", "models")
    monkeypatch.setenv("NEXTITEM_STACK", "shop")
    monkeypatch.setattr(decide, "BotoObjectStore", lambda *_, **__: None)


@pytest.mark.parametrize(("fault", "expected"), [("", 0.0), ("CloudWatch refuses", 1.0)])
def test_a_look_counts_whether_its_guard_rails_were_measured(
    fault: str, expected: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decide, "look_at_route", lambda *_: Look(fault))
    assert decide.handler({}, None) == {"unmeasured": fault}
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (record["stack"], record[GUARDS_UNMEASURED.name]) == ("shop", expected)


def test_no_look_counts_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(decide, "look_at_route", lambda *_: None)
    assert decide.handler({}, None) is None
    assert capsys.readouterr().out == ""

"""The README is short, its figures are those of docs/benchmarks.md, and its answer is the service's."""

import json
import re
import struct

import pytest
import requests

from devstack.demo_catalogue import write_demo_catalogue
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from tests.building import ROOT
from tests.devstack.console.conftest import DESKTOP
from tests.docs.links import sections

README = (ROOT / "README.md").read_text(encoding="utf-8")
BENCHMARKS = {section.anchor: section.text for section in sections(ROOT / "docs" / "benchmarks.md")}
MAX_LINES = 90
MAX_COLUMNS = 130
"""Of prose and code; a table's row may be longer."""
ROW = re.compile(
    r"^\| [^|]+ \| (?P<figures>[^|]+) \| \[[^]]+\]\(docs/benchmarks\.md#(?P<anchor>[\w-]+)\) \|$", re.MULTILINE
)
NUMBER = re.compile(r"(?<![\w.])\.?\d[\d.,]*(?<![.,])(?!\w)")
ROWS = [(row["anchor"], row["figures"]) for row in ROW.finditer(README)]
COMMAND = re.compile(r"`(python -m bench|make |nextitem )")
PICTURE = ROOT / "docs" / "images" / "shop.png"
MAX_BYTES = 150_000


def test_it_takes_one_and_a_half_screens() -> None:
    lines = README.splitlines()
    assert len(lines) <= MAX_LINES
    assert [line for line in lines if len(line) > MAX_COLUMNS and not line.startswith(("|", "[![", "- **"))] == []


def test_there_are_five_figures() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize(("anchor", "figures"), ROWS)
def test_a_figure_is_that_of_the_benchmarks_beside_its_command(anchor: str, figures: str) -> None:
    numbers = NUMBER.findall(figures.replace("float32", ""))
    assert numbers
    measured = NUMBER.findall(BENCHMARKS[anchor].replace("**", ""))
    assert [number for number in numbers if number not in measured] == []
    assert COMMAND.search(BENCHMARKS[anchor])


def test_the_picture_is_small_and_of_the_shop() -> None:
    # the browser test of the shop takes it at this width: `make picture`
    data = PICTURE.read_bytes()
    assert len(data) <= MAX_BYTES
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (DESKTOP["width"], DESKTOP["height"])


@pytest.mark.slow
def test_the_answer_is_what_the_service_says() -> None:
    # GIVEN the request and the answer of the README, and a stack as `make run` starts it
    [(path, body)] = re.findall(r"curl -s http://127\.0\.0\.1:3000(\S+) -d '([^']+)'", README)
    [shown] = re.findall(r"```json answer\n(.*?)```", README, re.DOTALL)
    expected = json.loads(shown)
    with Stack(
        artifact=demo_artifact(),
        catalogue=write_demo_catalogue,
        max_workers=1,
        secret={"current": KEY_SECRET},
        exclude_seen=True,
    ) as stack:
        # WHEN it is sent twice
        first, again = (requests.post(stack.url + path, data=body, timeout=60).json() for _ in range(2))
    # THEN the answer is the shown one, but for the id and the cursor: they depend on the stack's secret and on zlib
    shown_now = f"the README should show {json.dumps(first)}"
    assert first.keys() == expected.keys(), shown_now
    same = ("session_id", "session_length", "stored", "served_by", "events", "model")
    assert {name: first[name] for name in same} == {name: expected[name] for name in same}, shown_now
    assert [each["item_id"] for each in first["recommendations"]] == [
        each["item_id"] for each in expected["recommendations"]
    ], shown_now
    assert [each["score"] for each in first["recommendations"]] == pytest.approx(
        [each["score"] for each in expected["recommendations"]], rel=1e-3
    )
    # AND the second one, as the README says, is the same with both events as duplicates
    assert {event["status"] for event in again["events"]} == {"duplicate"}
    assert {**again, "events": None} == {**first, "events": None}

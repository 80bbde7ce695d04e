"""Outputs of documents are compared: figures may differ, other text may not."""

from pathlib import Path

import pytest

from tests.docs.shown import Printed, Shown, matches, replace_versions, run, shown_in


def test_reading_commands_and_outputs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n```console\n$ one \\\n>   more\nfirst\n...\n$ two\n```\n```sh\n$ three\n```\n")
    assert shown_in(page) == [Shown("one \\\n  more", ("first", "...")), Shown("two", ())]


def test_commands_share_one_shell_and_report_failures(tmp_path: Path) -> None:
    assert run(["name=tea", "echo $name; false", "echo on"], {"PATH": "/usr/bin:/bin"}, tmp_path) == [
        Printed((), 0),
        Printed(("tea",), 1),
        Printed(("on",), 0),
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (["p99  31.0 ms", "requests 80", "session 1"], True),
        (["...", "requests 80", "..."], True),
        (["requests 80", "..."], False),
        (["p99  31.0 ms", "requests 80"], False),
        (["p99  31.0 ms", "requests 80", "session 2"], False),
        (["p95  31.0 ms", "requests 80", "session 1"], False),
        (["...", "session 1", "requests 80"], False),
        ([], False),
    ],
)
def test_only_figures_may_differ(shown: list[str], expected: bool) -> None:
    assert matches(shown, ["p99 4.5 ms", "requests 1036", "session 1"]) is expected


def test_versions_must_keep_their_roles() -> None:
    live, other = "v3b9596ebd96d6c89", "va2be34f05886b040"
    shown = replace_versions([[live], [other], [live]])
    assert replace_versions([[other], [live], [other]]) == shown
    assert replace_versions([[live], [other], [other]]) != shown

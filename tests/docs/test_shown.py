"""What a document shows is compared so that figures may differ and nothing else."""

from pathlib import Path

import pytest

from tests.docs.shown import Printed, Shown, fits, run, shown_in, with_versions_lettered


def test_commands_and_outputs_are_read_as_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n```console\n$ one \\\n>   more\nfirst\n...\n$ two\n```\n```sh\n$ three\n```\n")
    assert shown_in(page) == [Shown("one \\\n  more", ("first", "...")), Shown("two", ())]


def test_commands_share_one_shell_and_a_failure_is_told(tmp_path: Path) -> None:
    assert run(["name=tea", "echo $name; false", "echo on"], {"PATH": "/usr/bin:/bin"}, tmp_path) == [
        Printed((), 0),
        Printed(("tea",), 1),
        Printed(("on",), 0),
    ]


@pytest.mark.parametrize(
    ("shown", "fitting"),
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
def test_figures_may_differ_and_nothing_else(shown: list[str], fitting: bool) -> None:
    assert fits(shown, ["p99 4.5 ms", "requests 1036", "session 1"]) is fitting


def test_it_matters_which_version_is_which() -> None:
    live, other = "v3b9596ebd96d6c89", "va2be34f05886b040"
    shown = with_versions_lettered([[live], [other], [live]])
    assert with_versions_lettered([[other], [live], [other]]) == shown
    assert with_versions_lettered([[live], [other], [other]]) != shown

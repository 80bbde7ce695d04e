"""A path that cannot be used: each command says which option or argument names it, what is wrong and what to do."""

import errno
from pathlib import Path
from typing import Any

import pytest

from devstack.publish import demo_artifact, earlier_artifact
from nextitem.errors import PathUnusable, os_reason
from tests.model_export.cli.commandline import nextitem

ABSENT = "cannot be read: there is no such file or folder; check the name"
EVENTS = "session_id,item_id,timestamp\ns,board-001,1\ns,board-002,2\n"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("evaluate", "ARTIFACT", "--events", "absent.csv"), f"--events: absent.csv {ABSENT}"),
        (("evaluate", "ARTIFACT", "--events", "e.csv", "--train", "absent"), f"--train: absent {ABSENT}"),
        (("compare", "ARTIFACT", "ARTIFACT2", "--events", "absent.csv"), f"--events: absent.csv {ABSENT}"),
        (("batch", "absent.csv", "--artifact", "ARTIFACT", "--out", "o.parquet"), f"EVENTS: absent.csv {ABSENT}"),
        (("train", "absent.csv", "--out", "run"), f"EVENTS: absent.csv {ABSENT}"),
        (("train", "e.csv", "--out", "run", "--config", "absent.json"), f"--config: absent.json {ABSENT}"),
        (("split", "absent.csv", "--train-out", "a.csv", "--test-out", "b.csv"), f"EVENTS: absent.csv {ABSENT}"),
        (("prepare", "absent.csv", "--out", "out"), f"EVENTS: absent.csv {ABSENT}"),
        (("recommend", "ARTIFACT", "tea", "--names", "absent.csv"), f"--names: absent.csv {ABSENT}"),
        (("recommend", "ARTIFACT", "tea", "--names", "."), "--names: . cannot be read: it is a folder; name a file"),
        (("explain", "ARTIFACT", "tea", "--names", "absent.csv"), f"--names: absent.csv {ABSENT}"),
        (("availability", "--bucket", "b", "--unavailable", "absent.txt"), f"--unavailable: absent.txt {ABSENT}"),
        (("simulate", "--out", "e.csv/x.csv"), "--out: e.csv/x.csv cannot be written: a part of its path is a file"),
        (("gate", "v1", "--bucket", "b", "--events", "absent.csv"), f"--events: absent.csv {ABSENT}"),
        (("--settings", "absent.toml", "cost"), f"settings file absent.toml {ABSENT}"),
        (
            ("recommend", "absent", "tea"),
            "absent cannot be read: manifest.json: there is no such file or folder",
        ),
        (("export", "e.csv", "--out", "out"), "e.csv is not a training run: it has no run.json. Name the folder of"),
    ],
)
def test_the_error_names_the_option_and_what_to_do(
    arguments: tuple[str, ...], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    Path("e.csv").write_text(EVENTS)
    places = {"ARTIFACT": str(demo_artifact()), "ARTIFACT2": str(earlier_artifact())}
    shown = nextitem(*(places.get(each, each) for each in arguments)).fault
    assert shown.startswith(f"nextitem: {fault}")
    assert "Errno" not in shown


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_file_without_permission_is_not_taken_for_a_damaged_one(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a file that this user may not read; the tests may run as root, who may read all
    path = tmp_path / f"events.{suffix}"
    path.write_text(EVENTS)
    really = Path.open

    def refused(self: Path, *arguments: Any, **more: Any) -> Any:
        if self.resolve() == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return really(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    expected = f"{path} cannot be read: this user may not do that; change the permissions, or name another one"
    assert nextitem("prepare", path, "--out", tmp_path / "out").fault == f"nextitem: EVENTS: {expected}"
    answer = nextitem("items", "publish", path, "--bucket", "b")
    assert answer.fault == f"nextitem: FILE: {expected}"


def test_another_error_of_the_system_keeps_its_words() -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert os_reason(error) == "Input/output error"
    assert str(PathUnusable("e.csv", "read", error)) == "e.csv cannot be read: Input/output error"

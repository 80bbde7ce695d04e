"""Wrong input of the command line: an error of one line, exit code 2, and no file half-written."""

import os
import re
import shutil
from pathlib import Path

import pytest

from model_export.data.ingestion.formats import ACCEPTED
from model_export.data.layout import MAX_SESSION_EVENTS
from model_export.training.run_folder import write_run
from tests.model_export.cli.commandline import Answer, nextitem
from tests.model_export.tiny import exported, listed, random_run

HEADER = "session_id,item_id,timestamp"
GOOD = "\n".join([HEADER, *(f"s{row // 3},item-{row % 5:05},{row}" for row in range(60))]).encode() + b"\n"

BAD_FILES = {
    "empty.csv": (b"", "the file is empty"),
    "header.csv": (f"{HEADER}\n".encode(), "has no events"),
    "column.csv": (b"session_id,item_id\ns,i\n", "has no column 'timestamp'; its columns are 'session_id', 'item_id'"),
    "time.csv": (f"{HEADER}\ns,i,1\ns,j,noon\n".encode(), "line 3, column 'timestamp': 'noon' is not a time"),
    "no-time.csv": (f"{HEADER}\ns,i,1\ns,j,\n".encode(), "line 3, column 'timestamp': has no time"),
    "nan-time.csv": (f"{HEADER}\ns,i,1\ns,j,nan\n".encode(), "line 3, column 'timestamp': 'nan' is not a time"),
    "nan-item.csv": (f"{HEADER}\ns,i,1\ns,NaN,2\n".encode(), "line 3, column 'item_id': 'NaN' stands for a missing id"),
    "no-session.csv": (f"{HEADER}\ns,i,1\n,j,2\n".encode(), "line 3, column 'session_id': is empty"),
    "latin.csv": (f"{HEADER}\ns,i,1\ns,".encode() + b"caf\xe9,2\n", "line 3, column 'item_id': is not UTF-8"),
    "fields.csv": (f"{HEADER}\ns,i,1\ns,j,2,3\n".encode(), "line 3: has 4 fields where the header has 3"),
    "events.csv.gz": (b"not gzip at all", "is not a valid gzip file (corrupt or cut off)"),
    "events.parquet": (b"PAR1 not at all", "is not a valid Parquet file (empty, corrupt or cut off)"),
    "events.xlsx": (GOOD, f"the name must end in {ACCEPTED}"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good events, a run and its artifact."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "events.csv").write_bytes(GOOD)
    run = random_run(5)
    (folder / "run").mkdir()
    write_run(folder / "run", run)
    exported(run, folder / "out")
    return folder


@pytest.fixture
def work(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder: a copy of the good one, which a test may change."""
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments: str) -> str:
    """Run a command that must fail and write nothing; return its one line."""
    before = listed(Path.cwd())
    answer = nextitem(*arguments)
    assert listed(Path.cwd()) == before
    return answer.fault


def artifact() -> str:
    """The good artifact's folder."""
    [home] = Path("out").iterdir()
    return str(home)


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.slow
def test_every_command_names_the_fault_of_a_file(name: str) -> None:
    content, what = BAD_FILES[name]
    Path("bad").mkdir()
    path = f"bad/{name}"
    Path(path).write_bytes(content)
    home = artifact()
    for arguments in (
        ("split", path, "--train-out", "train.csv", "--test-out", "test.csv"),
        ("train", path, "--out", "new", "--hidden", "16"),
        ("evaluate", home, "--events", path, "--json", "--ranks", "ranks.npy"),
        ("evaluate", home, "--events", "events.csv", "--train", path, "--json"),
    ):
        error = refused(*arguments)
        assert error.startswith(f"nextitem: {path}")
        assert what in error


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_a_session_of_too_many_events_is_named() -> None:
    rows = "\n".join(f"bot,item-{row % 5},{row}" for row in range(MAX_SESSION_EVENTS + 1))
    Path("events.csv").write_text(f"{HEADER}\ns,i,1\n{rows}\n")
    error = refused("train", "events.csv", "--out", "new")
    assert error.startswith(
        "nextitem: events.csv, line 3, column 'session_id': session 'bot', which begins here, has 100,0"
    )


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--loss", "bpr"), "loss must be one of auto, softmax, sampled-softmax, bpr-max, not 'bpr'"),
        (("--epochs", "-3"), "epochs must be at least 1, or 0 for as many as suit the data, not -3"),
        (("--hidden", "100"), "hidden must be a multiple of 16, or 0 for what suits the data, not 100"),
        (("--layers", "0"), "layers must be at least 1, not 0"),
        (("--batch", "-1"), "batch must be at least 1, or 0 for as many as suit the data, not -1"),
        (("--dropout", "1"), "dropout must be at least 0 and below 1, not 1.0"),
        (("--temperature", "nan"), "temperature must be above 0, not nan"),
        (("--learning-rate", "inf"), "learning rate must be above 0 and at most 1, not inf"),
        (("--validation-days", "0"), "validation days must be at least 1, not 0"),
        (("--seed", "-1"), "seed must be 0 to 9223372036854775807, not -1"),
    ],
)
def test_a_wrong_setting_is_refused_before_events_are_read(options: tuple[str, str], what: str) -> None:
    assert refused("train", "absent.csv", "--out", "new", *options) == f"nextitem: {what}"


@pytest.mark.usefixtures("work")
def test_a_taken_name_is_refused_before_events_are_read() -> None:
    assert (
        refused("train", "absent.csv", "--out", "run")
        == "nextitem: run exists already; name another folder or remove it"
    )


@pytest.mark.usefixtures("work")
def test_a_folder_that_is_not_a_run_is_refused() -> None:
    # A folder without a run, and a run with a damaged file
    shutil.copytree("run", "damaged")
    Path("damaged/weights.npz").write_bytes(b"PK\x03\x04")
    for folder in ("absent", "out"):
        error = f"{folder} is not a training run: it has no run.json. Name the folder of `nextitem train --out`"
        assert refused("export", folder, "--out", "new") == f"nextitem: {error}"
    assert refused("export", "damaged", "--out", "new") == "nextitem: damaged/weights.npz is damaged"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("recommend", ("item-00001",)),
        ("explain", ("item-00001",)),
        ("evaluate", ("--events", "events.csv")),
        ("publish", ("--bucket", "any")),
    ],
)
def test_a_run_in_place_of_an_artifact_is_to_be_exported(command: str, more: tuple[str, ...]) -> None:
    # WHEN a run, or the folder of artifacts, stands where an artifact should
    # THEN the error says what to do
    error = refused(command, "run", *more)
    assert error.startswith("nextitem: run is a training run, not an artifact. Export it first")
    assert error.endswith(": nextitem export run --out artifacts")
    assert (
        refused(command, "out", *more)
        == f"nextitem: out is not an artifact, but holds 1. Name one, such as {artifact()}"
    )


@pytest.mark.usefixtures("work")
def test_an_artifact_in_place_of_a_run_is_named() -> None:
    home = artifact()
    what = f"nextitem: {home} is an artifact, not a training run. Name the folder of `nextitem train --out`."
    assert refused("export", home, "--out", "new") == what
    assert refused("evaluate", home, "--events", "events.csv", "--report", "page.html", "--run", home) == what


@pytest.mark.usefixtures("work")
def test_an_export_that_misses_its_bounds_is_refused() -> None:
    Path("out-too").mkdir()
    error = refused("export", "run", "--out", "out-too", "--max-hr-loss=-2")
    missed, remedy = "the HR@20 delta is 0, allowed is 2", "relax --min-overlap or --max-hr-loss"
    assert error == f"nextitem: the export fails its bounds: fp32: {missed} | 8-bit: {missed}; {remedy}"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("command", ["recommend", "evaluate", "publish"])
def test_an_artifact_under_another_name_is_refused(command: str) -> None:
    # An artifact whose folder was renamed, one with a changed file, and one that is not there
    name = Path(artifact()).name
    shutil.copytree(artifact(), "renamed")
    shutil.copytree(artifact(), f"damaged/{name}")
    os.truncate(f"damaged/{name}/weights.bin", 100)
    more = {"recommend": ["item-00001"], "evaluate": ["--events", "events.csv"], "publish": ["--bucket", "any"]}[
        command
    ]
    error = refused(command, "renamed", *more)
    assert error == f"nextitem: manifest.json of renamed was changed, or its folder was renamed: its digest says {name}"
    assert refused(command, f"damaged/{name}", *more).startswith(f"nextitem: weights.bin of {name} has 100 bytes")
    assert refused(command, "absent", *more).startswith("nextitem: absent cannot be read")


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_impossible_outputs_are_refused() -> None:
    # Names that are folders, or lie below a file
    Path("folder.csv").mkdir()
    evaluate = ("evaluate", artifact(), "--events", "events.csv")
    for arguments, name in (
        (("split", "events.csv", "--train-out", "new.csv", "--test-out", "folder.csv"), "folder.csv"),
        (("split", "events.csv", "--train-out", "new.csv", "--test-out", "new.csv"), "new.csv"),
        (("split", "events.csv", "--train-out", "events.csv", "--test-out", "new.csv"), "events.csv"),
        (("split", "events.csv", "--train-out", "new.csv", "--test-out", "events.csv/new.csv"), "events.csv/new.csv"),
        (("train", "events.csv", "--out", "folder.csv"), "folder.csv"),
        (("export", "run", "--out", "events.csv/new"), "events.csv/new"),
        ((*evaluate, "--ranks", "folder.csv"), "folder.csv"),
        (("simulate", "--sessions", "2", "--out", "new.parquet"), "new.parquet"),
        (("simulate", "--sessions", "2", "--out", "events.csv/new.csv"), "events.csv/new.csv"),
        (("simulate", "--sessions", "2", "--products", "1", "--out", "new.csv"), "products must be"),
    ):
        assert re.match(f"nextitem: (--[a-z-]+: )?{re.escape(name)}", refused(*arguments))


@pytest.mark.usefixtures("work")
@pytest.mark.slow
def test_too_few_sessions_are_refused() -> None:
    # A single session
    Path("single.csv").write_text(f"{HEADER}\ns,i,1\ns,j,2\n")
    assert refused("split", "single.csv", "--train-out", "a.csv", "--test-out", "b.csv").startswith(
        "nextitem: the split leaves train empty"
    )
    before = listed(Path.cwd())
    answer: Answer = nextitem("train", "single.csv", "--out", "new", "--hidden", "16")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith("nextitem: no sessions can be set apart for validation")
    assert listed(Path.cwd()) == before


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("item", ["", "x" * 257, "\udcff"])
def test_a_wrong_item_id_is_refused(item: str) -> None:
    assert refused("recommend", artifact(), item).startswith("nextitem: item id '")


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"id,name\n1,tea\n", "has no column 'item_id'; its columns are 'id', 'name'"),
        (b"item_id,name\n1,tea\n", "has no column 'title'; its columns are 'item_id', 'name'"),
        (b"item_id,name\n", "has no column 'title'; its columns are 'item_id', 'name'"),
        (b"", "has no column 'item_id'; the file is empty"),
        (b"item_id,title\n1,caf\xe9\n", "cannot be read"),
    ],
)
def test_a_wrong_file_of_names_is_refused(content: bytes, what: str) -> None:
    Path("names.csv").write_bytes(content)
    error = refused("recommend", artifact(), "item-00001", "--names", "names.csv")
    assert error.startswith("nextitem: names.csv ")
    assert what in error


@pytest.mark.usefixtures("work")
def test_a_name_that_is_missing_in_a_row_is_refused() -> None:
    Path("names.csv").write_text("item_id,title\n1,tea\n2\n")
    error = refused("recommend", artifact(), "item-00001", "--names", "names.csv")
    assert error == "nextitem: names.csv, line 3: has fewer fields than the header"


def test_a_wrong_preset_is_refused_with_the_nearest(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("session_id,item_id,timestamp\ns,a,1\n")
    outputs = ("--train-out", tmp_path / "a.csv", "--test-out", tmp_path / "b.csv")
    fault = nextitem("split", events, "--preset", "RetailRokket", *outputs).fault
    assert "there is no preset 'RetailRokket'; did you mean retailrocket?" in fault

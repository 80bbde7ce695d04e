"""An evaluation: a model and the baselines beside it, judged alike."""

from pathlib import Path

import numpy as np
import pytest

from model_export.baselines import NAMES
from model_export.data.eventfile import read_sessions
from model_export.data.sessions import Sessions
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.evaluate import evaluate_artifact
from nextitem.errors import InputError
from nextitem.model.engine import Model
from tests.model_export.tiny import model_of, random_run

ITEMS = 30
METRICS = ["hr@5", "hr@10", "hr@20", "mrr@5", "mrr@10", "mrr@20", "ndcg@20", "coverage@20"]

KEYS = [
    "version",
    "targets",
    "sessions",
    "model",
    "baselines",
    "overlap",
    "tuning",
    "intervals",
    "differences",
    "slices",
    "exposure",
]

Heard = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(random_run(ITEMS), tmp_path_factory.mktemp("out"))


def sessions(path: Path, *, count: int, seed: int, shuffled: bool = False, extra: str = "") -> Sessions:
    """Sessions of random items, read from a file whose rows may stand in any order."""
    rng = np.random.default_rng(seed)
    rows = [
        f"s{session},item-{rng.integers(ITEMS):05},{session * 1000 + event}"
        for session in range(count)
        for event in range(int(rng.integers(1, 7)))
    ]
    rows += [f"all,item-{code:05},{10**6 + code}" for code in range(ITEMS)]
    if extra:
        rows.append(extra)
    if shuffled:
        rng.shuffle(rows)
    path.write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    return read_sessions(path)


def ignore(name: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def test_the_report_has_the_documented_keys(model: Model, tmp_path: Path) -> None:
    # GIVEN a model, test sessions, and the sessions it was trained on
    test = sessions(tmp_path / "test.csv", count=20, seed=1)
    train = sessions(tmp_path / "train.csv", count=40, seed=2)
    # WHEN they are evaluated with and without the baselines
    alone = evaluate_artifact(model, test, None, ignore).as_json()
    beside = evaluate_artifact(model, test, train, ignore).as_json()
    # THEN the model's figures have the documented names, and so has each baseline
    assert list(alone) == KEYS
    assert list(alone["model"]) == METRICS
    assert alone["baselines"] == {}
    assert {name: list(found) for name, found in beside["baselines"].items()} == dict.fromkeys(NAMES, METRICS)
    assert {"popularity", "sequential-rules", "vmis-knn"} < set(NAMES)
    # AND each has its settings, intervals around its figures, and the model's difference from it
    assert list(beside["tuning"]["settings"]) == list(NAMES)
    assert list(beside["differences"]) == list(NAMES)
    for name, figures in {"model": beside["model"], **beside["baselines"]}.items():
        for metric, (low, high) in beside["intervals"]["rankers"][name].items():
            assert low <= figures[metric] <= high
    # AND the baselines change nothing of the model's
    assert beside["model"] == alone["model"]
    assert beside["version"] == model.version
    # AND targets and sessions are what the protocol leaves
    judged = test.recoded(test.catalogue)
    assert (beside["targets"], beside["sessions"]) == (len(judged.codes) - len(judged), len(judged))


@pytest.mark.parametrize("shuffled", [False, True])
def test_ranks_stand_in_the_order_of_the_file(model: Model, tmp_path: Path, shuffled: bool) -> None:
    # GIVEN test events whose rows stand in order of time, or in none
    test = sessions(tmp_path / "test.csv", count=20, seed=1, shuffled=shuffled)
    # WHEN they are evaluated
    ranks = evaluate_artifact(model, test, None, ignore).ranks
    # THEN each target's rank stands where its row stands among the targets' rows
    by_row: dict[int, float] = {}
    for index in range(len(test)):
        if test.lengths[index] > 1:
            rows = test.rows[test.offsets[index] + 1 : test.offsets[index + 1]]
            by_row.update(zip(rows.tolist(), EngineRanker(model).ranks(test.session(index))[0].tolist(), strict=True))
    assert ranks.tolist() == [by_row[row] for row in sorted(by_row)]
    assert ranks.dtype == np.float64


def test_the_order_of_the_rows_changes_no_figure(model: Model, tmp_path: Path) -> None:
    # GIVEN the same events in two orders
    ordered, shuffled = (
        sessions(tmp_path / f"{name}.csv", count=20, seed=1, shuffled=name == "shuffled")
        for name in ("plain", "shuffled")
    )
    # WHEN both are evaluated
    one, other = (evaluate_artifact(model, test, None, ignore) for test in (ordered, shuffled))
    # THEN the figures are the same
    assert one.as_json()["model"] == pytest.approx(other.as_json()["model"])
    assert sorted(one.ranks.tolist()) == sorted(other.ranks.tolist())


def test_unknown_items_are_dropped_before_they_are_judged(model: Model, tmp_path: Path) -> None:
    # GIVEN test sessions, and the same with an event of an unknown item in one of them
    plain = sessions(tmp_path / "plain.csv", count=20, seed=1)
    more = sessions(tmp_path / "more.csv", count=20, seed=1, extra="all,unheard-of,1000003.5")
    # WHEN both are evaluated
    one, other = (evaluate_artifact(model, test, None, ignore) for test in (plain, more))
    # THEN nothing else has changed
    assert one.ranks.tolist() == other.ranks.tolist()


@pytest.mark.parametrize("extra", ["s0,item-99999,5", ""])
def test_other_training_data_is_refused(model: Model, tmp_path: Path, extra: str) -> None:
    # GIVEN training events with an item that the model does not have, or without one that it has
    test = sessions(tmp_path / "test.csv", count=20, seed=1)
    train = sessions(tmp_path / "train.csv", count=40, seed=2, extra=extra)
    if not extra:
        train = train.subset(np.arange(5))
    # WHEN the model is to be judged beside its baselines
    # THEN one sentence says why it cannot be, and with what
    with pytest.raises(InputError, match=rf"the training events \(\d+ items\) are not those of {model.version}"):
        evaluate_artifact(model, test, train, ignore)


def test_a_test_that_leaves_nothing_is_told(model: Model, tmp_path: Path) -> None:
    # GIVEN test events of unknown items
    path = tmp_path / "test.csv"
    path.write_text("session_id,item_id,timestamp\ns,x,1\ns,y,2\n")
    # WHEN the model is to be judged by them
    # THEN one sentence says that there is nothing to judge
    with pytest.raises(InputError, match="the test events leave nothing to evaluate"):
        evaluate_artifact(model, read_sessions(path), None, ignore)


def test_progress_tells_who_is_how_far(model: Model, tmp_path: Path) -> None:
    # GIVEN somebody who listens
    heard: Heard = []
    test = sessions(tmp_path / "test.csv", count=3, seed=1)
    # WHEN a model and its baselines are evaluated
    report = evaluate_artifact(
        model, test, sessions(tmp_path / "train.csv", count=9, seed=2), lambda *told: heard.append(told)
    )
    # THEN the settings are chosen one after another, and each ranker counts all sessions
    steps = [told for told in heard if told[0] == "tuning"]
    assert steps == [("tuning", done, len(steps)) for done in range(1, len(steps) + 1)]
    assert [told for told in heard if told[0] != "tuning"] == [
        (name, done, report.sessions) for name in ("model", *NAMES) for done in range(1, report.sessions + 1)
    ]


@pytest.mark.parametrize("items", [1, 2, 7])
def test_a_handful_of_items_is_judged_like_any(tmp_path: Path, items: int) -> None:
    # GIVEN a catalogue shorter than every k, trained on and tested with sessions of its own
    model = model_of(random_run(items), tmp_path / "out")
    rows = [
        f"s{session},item-{(session + event) % items:05},{session * 9 + event}"
        for session in range(9)
        for event in range(3)
    ]
    (tmp_path / "events.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    events = read_sessions(tmp_path / "events.csv")
    # WHEN it is evaluated
    report = evaluate_artifact(model, events, events, ignore)
    # THEN each next item is found by each ranker, and all items are shown
    for metrics in (report.model, *report.baselines.values()):
        assert (metrics.hr_20, metrics.coverage_20) == (1.0, 1.0)
    assert report.targets == 18

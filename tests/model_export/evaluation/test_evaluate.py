"""An evaluation of a model and the baselines."""

from pathlib import Path

import numpy as np
import pytest

from model_export.baselines import NAMES
from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.evaluation.evaluate import evaluate_artifact
from nextitem.errors import InputError
from nextitem.model.engine import Model
from tests.model_export.tiny import model_of, random_run

pytestmark = pytest.mark.slow

ITEMS = 30
METRICS = ["hr@5", "hr@10", "hr@20", "mrr@5", "mrr@10", "mrr@20", "ndcg@20", "coverage@20"]

QUALITY = ["targets", "sessions", "model", "baselines", "intervals", "differences"]
KEYS = ["version", "overlap", "calibration_error", "tuning", *QUALITY, "without_seen", "slices", "days", "exposure"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(random_run(ITEMS), tmp_path_factory.mktemp("out"))


def sessions(path: Path, *, count: int, seed: int, extra: str = "") -> Sessions:
    """Sessions of random items, read from a file."""
    rng = np.random.default_rng(seed)
    rows = [
        f"s{session},item-{rng.integers(ITEMS):05},{session * 1000 + event}"
        for session in range(count)
        for event in range(int(rng.integers(1, 7)))
    ]
    rows += [f"all,item-{code:05},{10**6 + code}" for code in range(ITEMS)]
    if extra:
        rows.append(extra)
    path.write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    return read_sessions(path)


def ignore(name: str, done: int, total: int) -> None:
    """Ignore progress."""


def test_the_report_has_the_documented_keys(model: Model, tmp_path: Path) -> None:
    # GIVEN a model, test sessions, and the sessions it was trained on
    test = sessions(tmp_path / "test.csv", count=20, seed=1)
    train = sessions(tmp_path / "train.csv", count=40, seed=2)
    # WHEN they are evaluated without and with the baselines
    alone = evaluate_artifact(model, test, None, ignore).as_json()
    beside = evaluate_artifact(model, test, train, ignore).as_json()
    # THEN the figures of the model and of each baseline have the documented names
    assert list(alone) == KEYS
    assert list(alone["model"]) == METRICS
    assert alone["baselines"] == {}
    assert {name: list(metrics) for name, metrics in beside["baselines"].items()} == dict.fromkeys(NAMES, METRICS)
    # AND each baseline has its settings
    assert list(beside["tuning"]["settings"]) == list(NAMES)
    # AND in both views its intervals, and the model's difference from it
    assert list(beside["without_seen"]) == QUALITY
    for view in (beside, beside["without_seen"]):
        assert list(view["baselines"]) == list(view["differences"]) == list(NAMES)
        for name, metrics in {"model": view["model"], **view["baselines"]}.items():
            assert list(metrics) == METRICS
            for metric, (low, high) in view["intervals"]["rankers"][name].items():
                assert low <= metrics[metric] <= high
        for name, difference in view["differences"].items():
            assert difference["hr@20"]["value"] == pytest.approx(
                view["model"]["hr@20"] - view["baselines"][name]["hr@20"]
            )
    # AND the second view counts the targets that are new to their session
    codes = [session.tolist() for session in map(test.session, range(len(test)))]
    new = [len(set(session)) - 1 for session in codes]
    assert beside["without_seen"]["targets"] == sum(new) < beside["targets"]
    assert beside["without_seen"]["sessions"] == sum(count > 0 for count in new)
    # AND the baselines do not change the model's figures
    assert beside["model"] == alone["model"]
    assert beside["version"] == model.version
    # AND targets and sessions are those that the protocol keeps
    kept = test.recoded(test.catalogue)
    assert (beside["targets"], beside["sessions"]) == (len(kept.codes) - len(kept), len(kept))


def test_unknown_items_are_dropped(model: Model, tmp_path: Path) -> None:
    plain = sessions(tmp_path / "plain.csv", count=20, seed=1)
    more = sessions(tmp_path / "more.csv", count=20, seed=1, extra="all,unknown,1000003.5")
    without, with_unknown = (evaluate_artifact(model, test, None, ignore) for test in (plain, more))
    assert without.ranks.tolist() == with_unknown.ranks.tolist()


def test_events_without_a_known_item_are_refused_with_ids_of_both_sides(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    sessions(path, count=20, seed=1)
    path.write_text(path.read_text().replace("item-", "sku-"))
    ids = "Ids of the unknown items are such as 'sku-00000', .*; of the model such as 'item-00000', 'item-00001', "
    with pytest.raises(InputError, match=f"no session has two events of items that {model.version} has. {ids}"):
        evaluate_artifact(model, read_sessions(path), None, ignore)


@pytest.mark.parametrize("extra", ["s0,item-99999,5", ""])
def test_other_training_data_is_refused(model: Model, tmp_path: Path, extra: str) -> None:
    # training events with an item that the model does not have, or without one that it has
    test = sessions(tmp_path / "test.csv", count=20, seed=1)
    train = sessions(tmp_path / "train.csv", count=40, seed=2, extra=extra)
    if not extra:
        train = train.subset(np.arange(5))
    with pytest.raises(InputError, match=rf"the training events \(\d+ items\) are not those of {model.version}"):
        evaluate_artifact(model, test, train, ignore)


def test_progress_counts_settings_and_sessions(model: Model, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    test = sessions(tmp_path / "test.csv", count=3, seed=1)
    train = sessions(tmp_path / "train.csv", count=9, seed=2)
    report = evaluate_artifact(model, test, train, lambda *call: calls.append(call))
    sessions_evaluated = report.analysis.with_seen.sessions
    steps = [call for call in calls if call[0] == "tuning"]
    assert steps == [("tuning", done, len(steps)) for done in range(1, len(steps) + 1)]
    assert [call for call in calls if call[0] != "tuning"] == [
        (name, done, sessions_evaluated) for name in ("model", *NAMES) for done in range(1, sessions_evaluated + 1)
    ]


@pytest.mark.parametrize("items", [1, 2, 7])
def test_a_catalogue_smaller_than_every_cutoff(tmp_path: Path, items: int) -> None:
    # GIVEN a model of a small catalogue, trained and tested on the same sessions
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
    # THEN every ranker finds each target and shows every item
    for metrics in report.analysis.with_seen.metrics.values():
        assert (metrics["hr@20"], metrics["coverage@20"]) == (1.0, 1.0)
    assert report.analysis.with_seen.targets == 18
    # AND without seen items, too, unless nothing is new to a session
    view = report.analysis.without_seen
    assert (view is None) == (items == 1)
    assert (report.as_json()["without_seen"] is None) == (items == 1)
    if view is not None:
        assert view.targets == 9 * (min(items, 3) - 1)
        assert {metrics["hr@20"] for metrics in view.metrics.values()} == {1.0}

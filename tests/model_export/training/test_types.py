"""Types of events: an input of the network, weights of the loss, and which events are next items to predict."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.data.sessions import Sessions
from model_export.training.batches import Batches, weights_by_type
from model_export.training.config import FitConfig
from model_export.training.fit import fit
from model_export.training.losses import make_loss
from model_export.training.network import Network, NetworkConfig
from model_export.training.session_parallel import Lanes
from model_export.training.trainer import BatchLoss
from nextitem.errors import InputError
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle

CONFIG = FitConfig(
    epochs=8, hidden=16, batch=8, loss="softmax", learning_rate=0.03, dropout=0.0, temperature=0.2, memory_sessions=0
)
MIXED = handmade("a a:cart b", "b c:like c:cart c", "a:cart a", "d d d:cart e:purchase")
DAY = 86_400


def decided_by_type(sessions: int = 120) -> Sessions:
    """Sessions of four days in which a view of x leads to a, and its cart to b; x itself never says which."""
    texts = [f"x a{number % 5}" if number % 2 else f"x:cart b{number % 5}" for number in range(sessions)]
    made = handmade(*texts)
    return replace(made, times=made.times + np.repeat(np.arange(sessions) // 30, 2) * DAY)


@pytest.mark.parametrize("batching", ["padded", "lanes"])
def test_an_action_on_the_item_at_hand_is_no_target(batching: str) -> None:
    # GIVEN views, carts and likes WHEN they are in batches
    epochs = Batches(MIXED, 2, 2) if batching == "padded" else Lanes(MIXED, 3)
    pairs: Counter[tuple[str, str, str]] = Counter()
    for batch in epochs.epoch(np.random.default_rng(0)):
        for item, kind, target in zip(
            batch.inputs[batch.mask], batch.types[batch.mask], batch.targets[batch.mask], strict=True
        ):
            pairs[MIXED.catalogue[item], MIXED.types[kind], MIXED.catalogue[target]] += 1
    # THEN the targets are the items that a visitor went on to, and repeats of the same type
    assert pairs == Counter(
        {("a", "cart", "b"): 1, ("b", "view", "c"): 1, ("d", "view", "d"): 1, ("d", "cart", "e"): 1}
    )


@pytest.mark.slow
def test_a_shop_with_one_type_has_the_same_network_as_one_without_types() -> None:
    # GIVEN the same events as views, and as purchases
    views = cycle(items=8, sessions=96)
    # WHEN a network is trained on each THEN no weight differs, and none is for types
    states = [
        fit(sessions, CONFIG, RecordingWatcher()).network.state_dict()
        for sessions in (views, replace(views, types=("purchase",)))
    ]
    assert states[0].keys() == states[1].keys()
    assert "types" not in states[0]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_training_begins_as_if_there_were_no_types() -> None:
    # GIVEN a network of one type, and one of three, from the same seed
    networks = []
    for types in (1, 3):
        torch.manual_seed(1)
        networks.append(Network(NetworkConfig(items=6, hidden=16, dropout=0.0, types=types)))
    items, kinds = torch.tensor([[1, 5, 2]]), torch.tensor([[0, 2, 1]])
    # WHEN they step events of several types THEN their states are equal
    plain, typed = (network(items, network.rows(), kinds) for network in networks)
    assert torch.equal(plain, typed)


@pytest.mark.slow
def test_the_network_learns_what_a_type_says() -> None:
    # GIVEN sessions whose next item depends on the type alone
    sessions = decided_by_type()
    network = fit(sessions, replace(CONFIG, validation_days=1), RecordingWatcher()).network
    # WHEN x is viewed, or put in the cart
    rows, x = network.rows(), torch.tensor([[sessions.catalogue.index("x")]])
    best = {}
    with torch.inference_mode():
        for code, name in enumerate(sessions.types):
            scores = network.scores(network(x, rows, torch.tensor([[code]]))[:, -1], rows)[0]
            best[name] = {sessions.catalogue[item][0] for item in scores.topk(5).indices.tolist()}
    # THEN the recommended items are those that follow
    assert best == {"view": {"a"}, "cart": {"b"}}


def test_a_target_counts_by_the_weight_of_its_type() -> None:
    # GIVEN a weight for purchases WHEN targets are weighted THEN one counts four times as much, and the mean is 1
    weights = weights_by_type(MIXED, {"purchase": 4.0})
    targets = weights[MIXED.is_target]
    assert weights[-1] == pytest.approx(4 * weights[0])
    assert targets.mean() == pytest.approx(1.0)
    # AND a batch has these weights beside its targets
    seen = [
        (MIXED.catalogue[target], weight)
        for batch in Batches(MIXED, 4, 9, type_weights={"purchase": 4.0}).epoch(np.random.default_rng(0))
        for target, weight in zip(batch.targets[batch.mask].tolist(), batch.weights[batch.mask].tolist(), strict=True)
    ]
    assert dict(seen)["e"] == pytest.approx(4 * dict(seen)["c"])
    # AND a type that no event has is an error, which names those that there are
    with pytest.raises(InputError, match=r"no event is of the type order.*the types are view, cart, like, purchase"):
        weights_by_type(MIXED, {"order": 2.0})


@pytest.mark.parametrize("text", ["purchase", "purchase=", "=4", "purchase=0", "purchase=nan", "a=1,a=2", "a=-1"])
def test_weights_of_types_are_checked_before_any_training(text: str) -> None:
    with pytest.raises(InputError, match="type weight must be type=weight"):
        FitConfig(type_weight=text)
    assert FitConfig(type_weight="purchase=4, cart = 1.5").type_weights == {"purchase": 4.0, "cart": 1.5}


@pytest.mark.parametrize("sessions", [handmade("a a:cart"), handmade("a:cart a a:like")])
def test_a_batch_without_any_target_has_no_loss(sessions: Sessions) -> None:
    network = Network(NetworkConfig(items=1, hidden=16, types=len(sessions.types)))
    loss_of = BatchLoss(network, make_loss(CONFIG, torch.ones(1), torch.float32))
    for epochs in (Batches(sessions, 2, 5), Lanes(sessions, 1)):
        for batch in epochs.epoch(np.random.default_rng(0)):
            loss = loss_of(batch)
            loss.backward()
            assert float(loss.detach()) == 0.0


def test_one_of_several_types_must_be_the_view() -> None:
    # GIVEN clicks and purchases, none of them called a view
    sessions = handmade("a:click b:click c:purchase", "b:click a:click")
    # WHEN they are trained on THEN the error says which option names the view
    with pytest.raises(InputError, match=r"click, purchase, and none is view.*--keep click=view,purchase"):
        fit(sessions, CONFIG, RecordingWatcher())
    with pytest.raises(InputError, match=r"nothing to learn from|nothing to validate on|set apart"):
        fit(handmade("a a:cart", "b b:cart"), CONFIG, RecordingWatcher())

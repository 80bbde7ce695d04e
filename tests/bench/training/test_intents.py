"""A network with several session vectors scores an item by its best vectors, and learns."""

import pytest
import torch

from bench.training.intents import FEW_TARGETS, IntentNetwork, trained
from model_export.training.config import FitConfig, LossName
from model_export.training.defaults import complete_config
from model_export.training.network import Network, NetworkConfig
from tests.model_export.tiny import cycle

ITEMS, HIDDEN = 12, 16
SESSIONS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


def network(intents: int) -> IntentNetwork:
    torch.manual_seed(0)
    return IntentNetwork(NetworkConfig(items=ITEMS, hidden=HIDDEN), intents).eval()


def scores_of(network: Network, sessions: torch.Tensor) -> torch.Tensor:
    """Return the scores of all items after each event, float32[batch * time, items]."""
    with torch.inference_mode():
        rows = network.rows()
        return network.scores(network(sessions, rows).flatten(0, 1), rows)


def test_one_vector_is_the_network_as_it_is() -> None:
    several, plain = network(1), Network(NetworkConfig(items=ITEMS, hidden=HIDDEN)).eval()
    plain.load_state_dict(several.state_dict())
    assert torch.equal(scores_of(several, SESSIONS), scores_of(plain, SESSIONS))


@pytest.mark.parametrize("intents", [2, 4, 9])
def test_scores_are_of_the_events_that_there_are(intents: int) -> None:
    several = network(intents)
    with torch.inference_mode():
        rows = several.rows()
        states = several(SESSIONS, rows)
        vectors, gates = states[..., : intents * HIDDEN], states[..., intents * HIDDEN :]
        weights = gates.exp()
        # as many vectors as events so far have a weight, and their weights add up to 1
        for at in range(SESSIONS.shape[1]):
            assert (weights[:, at] > 0).sum(dim=-1).tolist() == [min(at + 1, intents)] * 2
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(SESSIONS.shape))
        # the score is that of a mixture
        each = vectors.unflatten(-1, (intents, HIDDEN))
        expected = (weights.unsqueeze(-1) * (several.scored(each) @ rows.T).exp()).sum(dim=2).log()
        torch.testing.assert_close(scores_of(several, SESSIONS), expected.flatten(0, 1))
        own = several.own_scores(states.flatten(0, 1), rows[SESSIONS.flatten()])
        torch.testing.assert_close(own, expected.flatten(0, 1).gather(1, SESSIONS.flatten()[:, None])[:, 0])


def test_later_events_change_no_earlier_score() -> None:
    several = network(3)
    whole, part = scores_of(several, SESSIONS).view(2, 5, ITEMS), scores_of(several, SESSIONS[:, :2])
    torch.testing.assert_close(whole[:, :2].flatten(0, 1), part)


def test_many_states_are_scored_in_parts() -> None:
    several = network(2)
    many = SESSIONS.repeat(FEW_TARGETS, 1)
    torch.testing.assert_close(scores_of(several, many)[-10:], scores_of(several, SESSIONS))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "sampled-softmax"])
def test_it_learns_what_follows(loss: LossName) -> None:
    sessions = cycle(items=8, sessions=64)
    settings = FitConfig(networks=1, hidden=16, epochs=8, batching="padded", loss=loss, samples=6, batch=8)
    config = complete_config(settings, sessions)
    for intents in (1, 3):
        _, reached = trained(sessions, sessions, config, intents)
        assert reached.mrr > 0.9

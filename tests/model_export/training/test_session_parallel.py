"""Session-parallel batches: each transition is learnt once, and what a session's state knew is carried on."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.training.config import FitConfig
from model_export.training.defaults import complete_config
from model_export.training.distributed import World
from model_export.training.fit import fit
from model_export.training.losses import make_loss
from model_export.training.network import Network
from model_export.training.session_parallel import Lanes
from model_export.training.trainer import BatchLoss, batches_of, network_config
from nextitem.errors import InputError
from tests.model_export.handmade import handmade
from tests.model_export.made_sessions import learnt_in, of_lengths, transitions_of
from tests.model_export.tiny import Told, cycle
from tests.model_export.training.test_fit import QUICK, best_after

LANES = FitConfig(
    hidden=16, batch=1, batching="session-parallel", loss="softmax", dropout=0.0, temperature=0.2, epochs=1
)


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    size=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_each_transition_is_learnt_once_an_epoch(lengths: list[int], size: int, seed: int) -> None:
    # GIVEN sessions of any lengths and any number of lanes
    sessions = of_lengths(lengths)
    lanes = Lanes(sessions, size)
    # WHEN an epoch goes by
    epoch = list(lanes.epoch(np.random.default_rng(seed)))
    # THEN every event with a successor in its session was an input once, with that successor as its target
    assert learnt_in(epoch) == transitions_of(lengths)
    # AND there are as many batches as announced, each with one event of every lane
    assert len(epoch) == len(lanes)
    assert all(batch.inputs.shape == (size, 1) for batch in epoch)
    # AND a row goes on only where the same lane stood one event before
    for before, after in itertools.pairwise(epoch):
        assert after.fresh is not None
        going_on = after.mask[:, 0] & ~after.fresh
        assert after.inputs[going_on].tolist() == before.targets[going_on].tolist()
    # AND no more sessions are begun anew than there are lanes
    begun = sum(int((batch.fresh & batch.mask[:, 0]).sum()) for batch in epoch if batch.fresh is not None)
    assert begun <= sum(length > 1 for length in lengths) + size


def test_a_lane_is_what_the_whole_sessions_are() -> None:
    # GIVEN sessions in one lane, and a network that does not change
    sessions = handmade("a b c d", "b c", "d a c b a")
    torch.manual_seed(3)
    network = Network(network_config(LANES, len(sessions.catalogue))).eval()
    loss_of = make_loss(LANES, torch.ones(4), torch.float32)
    # WHEN the losses of its events are summed, and those of the padded sessions
    carried = BatchLoss(network, loss_of, None)
    stepwise = sum(float(carried(batch).detach()) for batch in Lanes(sessions, 1).epoch(np.random.default_rng(0)))
    padded = FitConfig(hidden=16, batch=3, loss="softmax", dropout=0.0, temperature=0.2, epochs=1)
    [whole] = batches_of(sessions, padded).epoch(np.random.default_rng(0))
    # THEN they are the same: every state was carried on, and none into another session
    together = float(BatchLoss(network, loss_of, None)(whole).detach()) * float(whole.mask.sum())
    assert stepwise == pytest.approx(together, rel=1e-5)


def test_a_process_has_the_same_lanes_in_each_batch() -> None:
    # GIVEN lanes of which the last events run out before the others
    batches = list(Lanes(of_lengths([7, 3, 2, 4, 6]), 5).epoch(np.random.default_rng(0)))
    for batch in batches:
        # WHEN two processes share a batch
        shares = [World(rank, 2).share(batch) for rank in range(2)]
        # THEN each has every other lane, with what it goes on from
        assert batch.fresh is not None
        for rank, share in enumerate(shares):
            assert share.fresh is not None
            assert share.inputs.tolist() == batch.inputs[rank::2].tolist()
            assert share.fresh.tolist() == batch.fresh[rank::2].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
def test_a_cycle_is_learnt(layers: int) -> None:
    # GIVEN sessions in which each item has one successor
    config = replace(QUICK, batching="session-parallel", layers=layers)
    # WHEN a network is fitted event by event, twice
    fitted, again = (fit(cycle(items=8, sessions=192), config, Told()) for _ in range(2))
    # THEN after each item its successor ranks first
    for code in range(8):
        assert best_after(fitted, [(code - 1) % 8, code]) == (code + 1) % 8
    # AND the seed decides the weights
    ours, theirs = fitted.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_lanes_left_open_come_to_as_many_steps() -> None:
    # GIVEN sessions of five events
    sessions = cycle(items=8, sessions=4000)
    padded, lanes = (
        complete_config(FitConfig(), sessions),
        complete_config(FitConfig(batching="session-parallel"), sessions),
    )
    # WHEN the data chooses the lanes
    # THEN a step has as many transitions as one of whole sessions
    assert lanes.batch == 4 * padded.batch


def test_lanes_have_no_teachers() -> None:
    with pytest.raises(InputError, match="teachers must be 0 with session-parallel batches"):
        FitConfig(batching="session-parallel", teachers=1)

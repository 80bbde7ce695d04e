"""Session-parallel batches: each transition once an epoch, and hidden states are carried within a session."""

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
from tests.model_export.handmade import handmade
from tests.model_export.made_sessions import of_lengths, transitions_in, transitions_of
from tests.model_export.tiny import RecordingWatcher, cycle
from tests.model_export.training.test_fit import QUICK, best_after

LANES = FitConfig(
    hidden=16, batch=1, batching="session-parallel", loss="softmax", dropout=0.0, temperature=0.2, epochs=1
)


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    size=st.integers(1, 9),
    seed=st.integers(0, 9),
)
@pytest.mark.slow
def test_each_transition_comes_once_an_epoch(lengths: list[int], size: int, seed: int) -> None:
    lanes = Lanes(of_lengths(lengths), size)
    epoch = list(lanes.epoch(np.random.default_rng(seed)))
    assert transitions_in(epoch) == transitions_of(lengths)
    assert len(epoch) == len(lanes)
    assert all(batch.inputs.shape == (size, 1) for batch in epoch)
    # A row continues only the event that the same lane had before.
    for before, after in itertools.pairwise(epoch):
        assert after.fresh is not None
        continues = after.mask[:, 0] & ~after.fresh
        assert after.inputs[continues].tolist() == before.targets[continues].tolist()
    # Lanes cut fewer sessions than there are lanes.
    begun = sum(int((batch.fresh & batch.mask[:, 0]).sum()) for batch in epoch if batch.fresh is not None)
    assert begun <= sum(length > 1 for length in lengths) + size


def test_one_lane_has_the_loss_of_whole_sessions() -> None:
    # GIVEN a network that does not change
    sessions = handmade("a b c d", "b c", "d a c b a")
    torch.manual_seed(3)
    network = Network(network_config(LANES, len(sessions.catalogue), 1)).eval()
    loss_function = make_loss(LANES, torch.ones(4), torch.float32)
    # WHEN the losses of one lane's events are summed
    carried = BatchLoss(network, loss_function)
    stepwise = sum(float(carried(batch).detach()) for batch in Lanes(sessions, 1).epoch(np.random.default_rng(0)))
    # THEN they equal the loss of the padded sessions
    [whole] = batches_of(sessions, replace(LANES, batching="padded", batch=3)).epoch(np.random.default_rng(0))
    together = float(BatchLoss(network, loss_function)(whole).detach()) * float(whole.mask.sum())
    assert stepwise == pytest.approx(together, rel=1e-5)


def test_a_process_has_the_same_lanes_in_each_batch() -> None:
    for batch in Lanes(of_lengths([7, 3, 2, 4, 6]), 5).epoch(np.random.default_rng(0)):
        for rank in range(2):
            share = World(rank, 2).share(batch)
            assert batch.fresh is not None
            assert share.fresh is not None
            assert share.inputs.tolist() == batch.inputs[rank::2].tolist()
            assert share.fresh.tolist() == batch.fresh[rank::2].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
def test_learns_a_cycle(layers: int) -> None:
    config = replace(QUICK, batching="session-parallel", layers=layers)
    fitted, again = (fit(cycle(items=8, sessions=192), config, RecordingWatcher()) for _ in range(2))
    for code in range(8):
        assert best_after(fitted, [(code - 1) % 8, code]) == (code + 1) % 8
    ours, theirs = fitted.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_lanes_have_as_many_transitions_as_batches_of_sessions() -> None:
    sessions = cycle(items=8, sessions=4000)  # of four transitions
    padded, lanes = (
        batches_of(sessions, complete_config(replace(FitConfig(), batching=name), sessions))
        for name in ("padded", LANES.batching)
    )
    assert len(padded) == len(lanes)

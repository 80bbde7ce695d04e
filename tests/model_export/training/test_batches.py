"""Padded batches: each transition once an epoch, however long the sessions are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.training.batches import Batches
from model_export.training.network import Network, NetworkConfig
from tests.model_export.handmade import handmade
from tests.model_export.made_sessions import of_lengths, transitions_in, transitions_of
from tests.model_export.tiny import random_weights


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    size=st.integers(1, 9),
    window=st.integers(1, 12),
    seed=st.integers(0, 9),
)
@pytest.mark.slow
def test_each_transition_comes_once_an_epoch(lengths: list[int], size: int, window: int, seed: int) -> None:
    batches = Batches(of_lengths(lengths), size, window)
    epoch = list(batches.epoch(np.random.default_rng(seed)))
    assert transitions_in(epoch) == transitions_of(lengths)
    assert len(epoch) == len(batches)
    assert all(batch.inputs.shape[0] <= size and batch.inputs.shape[1] <= window for batch in epoch)


@given(lengths=st.lists(st.integers(2, 30), min_size=1, max_size=20), window=st.integers(1, 12))
@pytest.mark.slow
def test_windows_keep_the_order_of_the_session(lengths: list[int], window: int) -> None:
    for batch in Batches(of_lengths(lengths), 4, window).epoch(np.random.default_rng(0)):
        for row in range(len(batch.mask)):
            # Padding is at the end of a row, and the events before it follow each other.
            count = int(batch.mask[row].sum())
            assert batch.mask[row, :count].all()
            inputs = batch.inputs[row, :count].tolist()
            assert inputs == list(range(inputs[0], inputs[0] + count))


def test_each_epoch_has_another_order() -> None:
    batches = Batches(of_lengths([2] * 64), 8, 10)
    rng = np.random.default_rng(0)
    first, second = ([batch.inputs.tolist() for batch in batches.epoch(rng)] for _ in range(2))
    assert first != second


def test_padding_does_not_change_states() -> None:
    sessions = handmade("a b c", "a b c d e")
    network = Network(NetworkConfig(items=5, hidden=16, dropout=0.0)).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in random_weights(5, 16, 1).items()})
    [batch] = Batches(sessions, 2, 10).epoch(np.random.default_rng(0))
    rows = network.rows()
    together = network(batch.inputs, rows, batch.types)
    for row, mask in enumerate(batch.mask):
        alone = network(batch.inputs[row : row + 1, mask], rows, batch.types[row : row + 1, mask])[0]
        torch.testing.assert_close(together[row, mask], alone)
    assert batch.mask.sum(dim=1).tolist() == [2, 4]


def test_sessions_of_one_event_give_no_batch() -> None:
    batches = Batches(handmade("a", "b"), 4, 10)
    assert len(batches) == 0
    assert list(batches.epoch(np.random.default_rng(0))) == []

"""Batches: what is learnt in an epoch, however long the sessions are."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.training.batches import Batches
from model_export.training.network import Network, NetworkConfig
from tests.model_export.handmade import handmade
from tests.model_export.made_sessions import learnt_in, of_lengths, transitions_of
from tests.model_export.tiny import random_weights


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    size=st.integers(1, 9),
    window=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_each_transition_is_learnt_once_an_epoch(lengths: list[int], size: int, window: int, seed: int) -> None:
    # GIVEN sessions of any lengths, batches and windows of any size
    sessions = of_lengths(lengths)
    batches = Batches(sessions, size, window)
    # WHEN an epoch goes by
    epoch = list(batches.epoch(np.random.default_rng(seed)))
    # THEN every event with a successor in its session was an input once, that successor its target, and
    # nothing else was a target: neither padding nor another session's first event
    assert learnt_in(epoch) == transitions_of(lengths)
    # AND no batch is larger than asked for, and there are as many as announced
    assert len(epoch) == len(batches)
    assert all(batch.inputs.shape[0] <= size and batch.inputs.shape[1] <= window for batch in epoch)


@given(lengths=st.lists(st.integers(2, 30), min_size=1, max_size=20), window=st.integers(1, 12))
def test_windows_keep_the_order_of_the_session(lengths: list[int], window: int) -> None:
    # GIVEN sessions longer than a window
    # WHEN they are batched
    for batch in Batches(of_lengths(lengths), 4, window).epoch(np.random.default_rng(0)):
        for row in range(len(batch.mask)):
            # THEN what counts of a row stands at its beginning, without gaps
            count = int(batch.mask[row].sum())
            assert batch.mask[row, :count].all()
            inputs = batch.inputs[row, :count].tolist()
            assert inputs == list(range(inputs[0], inputs[0] + count))


def test_another_epoch_has_another_order() -> None:
    # GIVEN more sessions than a batch holds
    batches = Batches(of_lengths([2] * 64), 8, 10)
    rng = np.random.default_rng(0)
    # WHEN two epochs go by
    first, second = ([batch.inputs.tolist() for batch in batches.epoch(rng)] for _ in range(2))
    # THEN they do not come in the same order
    assert first != second


def test_padding_changes_no_state() -> None:
    # GIVEN a batch whose first session is padded to the length of the second
    sessions = handmade("a b c", "a b c d e")
    network = Network(NetworkConfig(items=5, hidden=16, dropout=0.0)).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in random_weights(5, 16, 1).items()})
    [batch] = Batches(sessions, 2, 10).epoch(np.random.default_rng(0))
    rows = network.rows()
    # WHEN the network sees the batch, and each row alone without its padding
    together = network(batch.inputs, rows)
    # THEN each state that counts is the same
    for row, mask in enumerate(batch.mask):
        alone = network(batch.inputs[row : row + 1, mask], rows)[0]
        torch.testing.assert_close(together[row, mask], alone)
    assert batch.mask.sum(dim=1).tolist() == [2, 4]


def test_nothing_to_learn_is_no_batch() -> None:
    # GIVEN sessions of one event
    batches = Batches(handmade("a", "b"), 4, 10)
    # WHEN an epoch goes by
    # THEN it is empty
    assert len(batches) == 0
    assert list(batches.epoch(np.random.default_rng(0))) == []

"""Rows are mixed with those of the items beside them in sessions."""

import pytest
import torch

from model_export.training import neighbour_rows
from model_export.training.neighbour_rows import DECAY, with_neighbours
from model_export.training.network import Network, NetworkConfig
from tests.model_export.handmade import handmade


def network(items: int, *, normalised: bool = True) -> Network:
    """A network of random rows."""
    torch.manual_seed(2)
    return Network(NetworkConfig(items, 16, normalised=normalised, networks=2)).eval()


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("chunk", [1, 1 << 16])
def test_a_row_gets_the_mean_of_its_neighbours(normalised: bool, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a session in which b has a and c beside it, and d two events away; an item that repeats is no neighbour
    monkeypatch.setattr(neighbour_rows, "CHUNK", chunk)
    sessions = handmade("b b a", "c b x d", "e")
    plain = network(len(sessions.catalogue), normalised=normalised)
    rows = dict(zip(sessions.catalogue, plain.rows().detach(), strict=True))
    # WHEN the rows are mixed
    mixed = with_neighbours(plain, sessions, 0.5)
    # THEN b's row has half of the weighted mean of a (after b, and after the b before it), c, x and d
    weight = {"a": 1 + DECAY, "c": 1.0, "x": 1.0, "d": DECAY}
    mean = sum((rows[item] * of for item, of in weight.items()), torch.zeros(16)) / sum(weight.values())
    expected = Network(plain.config)
    with torch.no_grad():
        expected.table.copy_(plain.rows())
        expected.table[sessions.catalogue.index("b")] = rows["b"] + 0.5 * mean
    code = sessions.catalogue.index("b")
    torch.testing.assert_close(mixed.rows()[code], expected.rows()[code])
    # AND an item without neighbours keeps its row
    lonely = sessions.catalogue.index("e")
    torch.testing.assert_close(mixed.rows()[lonely], plain.rows()[lonely])
    # AND the network itself stays as it was
    assert torch.equal(plain.rows().detach()[code], rows["b"])


def test_without_a_share_nothing_changes() -> None:
    sessions = handmade("a b")
    plain = network(2)
    assert with_neighbours(plain, sessions, 0.0) is plain

"""Networks of other seeds that become one: its scores are the mean of theirs.

The mean of inner products is the inner product of what lies side by side. So the tables lie beside each other, and the
GRUs in the blocks of one; a request costs one wider pass, and no second one.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from model_export.training.network import Network

GATES = 3
"""Gates of a GRU."""


@torch.no_grad()
def merged(networks: Sequence[Network]) -> Network:
    """Return the network whose scores are the mean of some networks' scores.

    Args:
        networks: at least one, of one shape, over one catalogue.
    """
    count = len(networks)
    if count == 1:
        return networks[0]
    first = networks[0].config
    network = Network(replace(first, hidden=count * first.hidden, networks=count)).to(networks[0].table.device)
    parts = [part.state_dict() for part in networks]
    # A row of several networks has unit length, as one of a single network has: each part of it is shorter.
    shorter = count**-0.5 if first.normalised else 1.0
    weights = {"table": torch.cat([part["table"] for part in parts], dim=1)}
    if first.types > 1:
        weights["types"] = torch.cat([part["types"] for part in parts], dim=1) * shorter
    for name in parts[0]:
        if name.startswith("gru."):
            weights[name] = _blocks([part[name] for part in parts])
            if name == "gru.weight_ih_l0":
                weights[name] /= shorter
    network.load_state_dict(weights)
    return network.eval()


def _blocks(parts: Sequence[Tensor]) -> Tensor:
    """Join weights or biases of GRUs, whose three gates lie one after another."""
    gates = zip(*(part.chunk(GATES) for part in parts), strict=True)
    return torch.cat([_block_diagonal(gate) if gate[0].dim() > 1 else torch.cat(gate) for gate in gates])


def _block_diagonal(blocks: Sequence[Tensor]) -> Tensor:
    size = len(blocks[0])
    joined = blocks[0].new_zeros(len(blocks) * size, len(blocks) * size)
    for at, block in enumerate(blocks):
        joined[at * size : (at + 1) * size, at * size : (at + 1) * size] = block
    return joined

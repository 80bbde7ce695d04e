"""One prediction on one core: the 8-bit graphs beside their fp32 twins and torch, at several catalogue sizes.

Ours steps one event from the hidden state, as it is served; torch replays the session's last events and scores all
items, as services without session state do (the way of ETUDE, ICDE 2024). Random weights: latency does not depend on
their values. `python -m bench.engine [ITEMS ...]`
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.timing import interleaved, print_timed
from model_export.export.graphs import write_graphs
from model_export.export.measuring import Graphs
from model_export.export.parameters import Parameters, Quantized, parameters_of, quantize
from model_export.runs import Run, RunRecord
from model_export.training.network import Network, NetworkConfig
from nextitem.manifest import Training

SIZES = (18_000, 100_000, 1_000_000)
HIDDEN = 128
SESSION = 10
"""Events that a service without state replays."""
TOP = 20
OURS = "ONNX 8-bit, one step"


def main() -> None:
    """Print a table for each catalogue size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", type=int, nargs="*", default=SIZES)
    parser.add_argument("--rounds", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for items in arguments.items:
        _compare(items, arguments.rounds)


def _compare(items: int, rounds: int) -> None:
    torch.manual_seed(0)
    network = Network(NetworkConfig(items, HIDDEN, dropout=0.0)).eval()
    parameters = parameters_of(_run(network))
    session = np.arange(SESSION, dtype=np.int32) * (items // SESSION)
    with TemporaryDirectory() as folder, torch.inference_mode():
        exact = _graphs(Path(folder, "fp32"), parameters, None)
        served = _graphs(Path(folder, "8-bit"), parameters, quantize(parameters.table))
        rows = network.rows()
        events = torch.from_numpy(session.astype(np.int64))[None]

        def step(engine: Graphs) -> object:
            return engine.top(engine.step(engine.start(), session[-1:]), TOP)

        def replay() -> object:
            return torch.topk(network.scores(network(events, rows)[:, -1], rows), TOP)

        timed = interleaved(
            {
                OURS: lambda: step(served),
                "ONNX fp32, one step": lambda: step(exact),
                f"torch fp32, {SESSION} events": replay,
            },
            rounds,
        )
    print_timed(f"{items:,} items, hidden size {HIDDEN}, one core", timed, OURS)


def _graphs(folder: Path, parameters: Parameters, quantized: Quantized | None) -> Graphs:
    folder.mkdir()
    write_graphs(folder, parameters, quantized)
    items, hidden = parameters.table.shape
    return Graphs(folder, len(parameters.layers), hidden, items)


def _run(network: Network) -> Run:
    config = network.config
    record = RunRecord(
        training=Training("", 0, 0, 0, 0, 0, 0, {}),
        items=config.items,
        hidden=config.hidden,
        layers=config.layers,
        normalised=config.normalised,
        temperature=config.temperature,
        validation={},
        history=(),
        popular=(),
        libraries={},
    )
    return Run(record, {name: values.numpy() for name, values in network.state_dict().items()}, (), ())


if __name__ == "__main__":
    main()

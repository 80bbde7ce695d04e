"""The cost of an interleaved answer: a request that two models draft beside one that a model answers alone.

    python -m bench.store.interleaving [--rounds 300] [--items 40000] [--json PATH]

Requests append one event to sessions, in this process, on a Valkey of its own. Both models are the same: one of random
weights, so the second one costs what the first does. Blocks of both kinds are interleaved.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path

import msgspec

from bench.common.options import benchmark_parser
from bench.common.random_model import random_artifact
from bench.common.results import write_json
from bench.common.timing import print_timed, time_interleaved
from bench.store.requests import BLOCK, SECONDS, requests
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.serving import Interleaved, RoutedModel
from nextitem.sessions.valkey_store import ValkeyStore

ALONE, DRAFTED = "one model", "two models"


def main() -> None:
    """Print the times."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="rounds of the measurement (default: %(default)s)")
    parser.add_argument("--items", type=int, default=40_000, help="items of the catalogue (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Children() as children:
        artifact = random_artifact(arguments.items, Path(folder))
        url = start_valkey(children, Path(folder)).url
        store = ValkeyStore(parse_store_url(url), timeout=SECONDS, ttl=600)
        champion, challenger = (_routed(artifact, variant) for variant in ("main", "challenger"))
        drafted = msgspec.structs.replace(challenger, interleaved=Interleaved(champion, "0" * 16))
        kinds = {ALONE: requests(store, champion), DRAFTED: requests(store, drafted)}
        timed = time_interleaved(kinds, max(arguments.rounds // BLOCK, 10))
        print_timed(f"{BLOCK} requests, each with one event, on {arguments.items:,} items", timed, ALONE)
        store.close()
    times = {name: asdict(of_kind) for name, of_kind in timed.items()}
    write_json({"requests": times, "ratio": timed[DRAFTED].median / timed[ALONE].median}, arguments.json)


def _routed(artifact: Path, variant: str) -> RoutedModel:
    model = Model(open_artifact(artifact), goldens=1)
    return RoutedModel(model, ServedItems(model.vocabulary, model.manifest.model.hidden), variant, exclude_seen=False)


if __name__ == "__main__":
    main()

"""Recommend items that a model was not trained on, through the engine and the rules that serve.

    python -m bench.cold_items [--only simulator --sessions 20000 --json FILE]

A tenth of the items of each shop is held out of training. The model is exported with the attributes of all items; its
map places the held-out ones, and their rows are joined with a catalogue as `nextitem items publish` does. The sessions
of the last days are then ranked as by a function without a catalogue, to which events on held-out items are unknown,
and as by one with it. Cold targets are held-out items, warm targets all others. All figures are HR@20.

Cold targets are also ranked among held-out items alone, as on a shelf of new arrivals. Beside that stand a random order
and the best sellers of the category of the newest item. These know how often each held-out item was sold before, which
no shop knows of a new one. In the whole catalogue, best sellers by what a shop knows never have a new item.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.cold_items.shops import ColdShop, online_retail, simulated_shop
from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from model_export.attributes.attribute_map import new_item_rows
from model_export.data.items.build import build_catalogue
from model_export.export.export import export
from model_export.metrics.ranking import CUTOFF
from model_export.progress import Unwatched
from model_export.training.config import FitConfig
from model_export.training.run_folder import read_run
from model_export.training.run_training import train
from nextitem.catalogue.join import join_of, new_positions_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import Bounds
from nextitem.service.ranking import ReplayedSession, rank
from nextitem.service.schema.options import RankingOptions
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import parse_options
from nextitem.sessions.session import WINDOW

Hits = NDArray[np.bool_]
SHOPS = ("simulator", "online_retail")
EXPLORE = 0.05
"""The deployment's default."""
LOOSE = Bounds(overlap=0.98, hr_delta=0.01)
"""Small sizes are too few sessions for the bounds of an export: the scheme is not measured here."""


@dataclass(frozen=True)
class ColdResult:
    """The figures of one shop.

    Attributes:
        cold: of cold targets in the whole catalogue, with `explore` 0.
        cold_random: the same of a random order.
        cold_explored: the same as `cold` with the default `explore`.
        among_new: of cold targets among held-out items.
        among_new_best_sellers: the same of the best sellers in hindsight.
        among_new_random: the same of a random order.
        category: what a category is taken to be.
        warm_without: of warm targets without the catalogue.
        warm_with: the same with it and `explore` 0: events on held-out items then count, and they take places.
        warm_displaced: `warm_with` minus the same where held-out items take no places.
        warm_explored: the same as `warm_with` with the default `explore`.
    """

    shop: str
    items: int
    cold_items: int
    cold_targets: int
    cold: float
    cold_random: float
    cold_explored: float
    among_new: float
    among_new_best_sellers: float
    among_new_random: float
    category: str
    warm_targets: int
    warm_without: float
    warm_with: float
    warm_displaced: float
    warm_explored: float
    certified_cold: float
    certified_among_new: float
    row_length: float
    seconds: float


class Refused(Exception):
    """The export refused the attribute map; the text says why."""


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--only", choices=SHOPS, help="one shop")
    parser.add_argument("--sessions", type=int, default=20_000, help="sessions of the simulator")
    parser.add_argument("--hidden", type=int, default=64, help="hidden size of the model (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=6, help="maximum epochs")
    parser.add_argument("--targets", type=int, default=10_000, help="maximum targets of a shop")
    arguments = parser.parse_args()
    console, results = Console(width=120), list[ColdResult]()
    refused: dict[str, str] = {}
    config = FitConfig(hidden=arguments.hidden, epochs=arguments.epochs)
    for name in SHOPS if arguments.only is None else (arguments.only,):
        with TemporaryDirectory() as folder:
            path = Path(folder)
            shop = simulated_shop(path, arguments.sessions) if name == "simulator" else online_retail(path)
            if shop is None:
                console.print(f"{name} is skipped: there is no ../shared/data/{name} beside the project")
                continue
            try:
                results.append(measure(shop, config, path, arguments.targets))
            except Refused as error:
                refused[name] = str(error)
                console.print(f"{name}: the export refused the attribute map, because {error}")
    if results:
        _print(console, results)
    write_json(
        {"settings": config.values(), "refused": refused, "rows": [asdict(result) for result in results]},
        arguments.json,
    )


def measure(shop: ColdShop, config: FitConfig, folder: Path, most: int) -> ColdResult:
    """Train, export, join and rank.

    Args:
        shop: the shop.
        config: the settings of the training.
        folder: for run, artifact and catalogue.
        most: maximum number of targets.

    Raises:
        Refused: there is no attribute map.
    """
    begun = time.monotonic()
    train(shop.train, config, folder / "run", SilentWatcher())
    catalogue = build_catalogue(shop.items, folder / "catalogue.bin").catalogue
    home = export(read_run(folder / "run"), folder / "out", LOOSE, Unwatched(), items=catalogue)
    artifact = open_artifact(home, documents=True)
    model, quality = Model(artifact), artifact.manifest.attributes
    positions = new_positions_of(model.vocabulary, catalogue.vocabulary)
    rows = new_item_rows(artifact, catalogue, positions)
    if quality is None or rows is None:
        raise Refused("" if quality is None else quality.refused)
    hidden = artifact.manifest.model.hidden
    join = join_of(model.vocabulary, catalogue, positions, rows)
    without = _Engine(model, ServedItems(model.vocabulary, hidden))
    published = _Engine(model, ServedItems(model.vocabulary, hidden, catalogue, join))
    cold = sorted(shop.cold)
    sessions = list(_sessions(shop, most))
    asked = [target for session in sessions for target in session[1:]]
    is_cold = np.array([target in shop.cold for target in asked])
    only, exclude = RankingOptions(only=cold), RankingOptions(exclude=cold)
    plain = RankingOptions()
    hits = {
        "without": without.hits(sessions, plain),
        "with": published.hits(sessions, plain),
        "explored": published.hits(sessions, plain, EXPLORE),
        "alone": published.hits(sessions, exclude),
        "among": published.hits(sessions, only),
        "sellers": np.array([hit for session in sessions for hit in _best_seller_hits(shop, cold, session)]),
    }
    of_cold, of_warm = (
        {name: round(float(each[chosen].mean()), 4) for name, each in hits.items()} for chosen in (is_cold, ~is_cold)
    )
    return ColdResult(
        shop=shop.name,
        items=len(catalogue),
        cold_items=len(cold),
        cold_targets=int(is_cold.sum()),
        cold=of_cold["with"],
        cold_random=round(CUTOFF / len(catalogue), 4),
        cold_explored=of_cold["explored"],
        among_new=of_cold["among"],
        among_new_best_sellers=of_cold["sellers"],
        among_new_random=round(CUTOFF / len(cold), 4),
        category=shop.category,
        warm_targets=int((~is_cold).sum()),
        warm_without=of_warm["without"],
        warm_with=of_warm["with"],
        warm_displaced=round(of_warm["with"] - of_warm["alone"], 4),
        warm_explored=of_warm["explored"],
        certified_cold=quality.hr,
        certified_among_new=quality.hr_among_new,
        row_length=quality.length,
        seconds=round(time.monotonic() - begun, 1),
    )


class _Engine:
    """A model with its items, as a function ranks with them."""

    def __init__(self, model: Model, items: ServedItems) -> None:
        self._routed = RoutedModel(model, items, "main", exclude_seen=False)

    def hits(self, sessions: Sequence[Sequence[str]], options: RankingOptions, explore: float = 0.0) -> Hits:
        """Return whether each next item of the sessions is among the best 20, bool[targets]."""
        routed = self._routed
        parsed = parse_options(options, routed.items.catalogue)
        found = []
        for session in sessions:
            hidden: HiddenState | None = None
            for place, (event, target) in enumerate(itertools.pairwise(session), 1):
                index = routed.items.index(event)
                if index is not None:
                    hidden = routed.model.replay(hidden, [index], routed.items.new_rows)
                seen = session[:place]
                seed = f"{session[0]} {place}".encode()
                replay = ReplayedSession("session", seen, [VIEW] * place, hidden, seed=seed)
                ranking = rank(routed, replay, parsed, CUTOFF, explore=explore)
                found.append(routed.items.index(target) in {item.index for item in ranking.items})
        return np.array(found)


def _sessions(shop: ColdShop, most: int) -> Iterator[list[str]]:
    """Yield the item ids of test sessions, until they have the maximum of targets."""
    targets = 0
    for number in range(len(shop.test)):
        known = [shop.test.catalogue[code] for code in shop.test.session(number).tolist()]
        session = [item for item in known if item in shop.categories][-WINDOW:]
        if len(session) > 1 and targets < most:
            targets += len(session) - 1
            yield session


def _best_seller_hits(shop: ColdShop, cold: Sequence[str], session: Sequence[str]) -> Iterator[bool]:
    """Yield whether each next item is among the 20 best sellers of held-out items, those of the category first."""
    for newest, target in itertools.pairwise(session):
        own = shop.categories[newest]
        best = sorted(cold, key=lambda item: (shop.categories[item] != own, -shop.sales.get(item, 0)))
        yield target in best[:CUTOFF]


def _print(console: Console, results: Sequence[ColdResult]) -> None:
    table = Table("HR@20", *(result.shop for result in results), title="a tenth of the items held out of training")
    for name in asdict(results[0]):
        if name != "shop":
            table.add_row(name.replace("_", " "), *(str(getattr(result, name)) for result in results))
    console.print(table)


if __name__ == "__main__":
    main()

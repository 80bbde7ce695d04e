"""The baselines by their published names, with their settings, tuning grids and forms.

A neighbour baseline has two forms: one that may recommend the current item (the session's last) and one that may not.
The plain name means "may", except for `vmis-knn`, whose authors leave the current item out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from model_export.baselines.neighbours import NeighbourConfig
from model_export.baselines.popularity import Popularity
from model_export.baselines.scoring import Scorer
from model_export.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from model_export.baselines.session_index import SessionIndex
from model_export.baselines.sknn import Sknn, Vsknn, VsknnConfig
from model_export.baselines.stan import Stan, StanConfig
from model_export.baselines.vmis_knn import VmisKnn, VmisKnnConfig
from model_export.data.sessions import Sessions

Config = Any
"""The dataclass of a method's settings; None for a method without settings."""

M, K = (250, 500, 1000, 2500), (50, 100, 200, 500)


class TrainingData:
    """The sessions that baselines are fitted on, and the index that all neighbour baselines share."""

    def __init__(self, train: Sessions) -> None:
        self.train = train

    @cached_property
    def index(self) -> SessionIndex:
        """The sessions by item, built on first use."""
        return SessionIndex(self.train)


@dataclass(frozen=True)
class Method:
    """A scoring method in all its forms.

    Attributes:
        forms: published name -> whether the current item may be recommended.
        default: the settings without tuning.
        fit: returns the scorer for these settings.
        grid: the values that tuning tries, by setting.
    """

    forms: Mapping[str, bool]
    default: Config
    fit: Callable[[TrainingData, Config], Scorer]
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


METHODS: tuple[Method, ...] = (
    Method({"popularity": True}, None, lambda data, _config: Popularity(data.train)),
    Method(
        {"sequential-rules": True},
        SequentialRulesConfig(),
        lambda data, config: SequentialRules(data.train, config),
        {"max_distance": (1, 2, 5, 10, 20)},
    ),
    Method(
        {"sknn": True, "sknn-no-current": False},
        NeighbourConfig(),
        lambda data, config: Sknn(data.index, config),
        {"m": M, "k": K},
    ),
    Method(
        {"v-sknn": True, "v-sknn-no-current": False},
        VsknnConfig(),
        lambda data, config: Vsknn(data.index, config),
        {
            "vote_weighting": ("none", "linear", "reciprocal"),
            "idf": (False, True),
            "weighting": ("linear", "share"),
            "k": K,
            "m": M,
        },
    ),
    Method(
        {"vmis-knn": False, "vmis-knn-with-current": True},
        VmisKnnConfig(),
        lambda data, config: VmisKnn(data.index, config),
        {"window": (2, 4, 9), "k": K, "m": M},
    ),
    Method(
        {"stan": True, "stan-no-current": False},
        StanConfig(),
        lambda data, config: Stan(data.index, config, is_epoch=data.train.is_epoch),
        {
            "session_decay": (1.0, 2.0, 4.0, 8.0),
            "age_days": (2.5, 10.0, 40.0, 80.0),
            "place_decay": (1.0, 2.0, 4.0, 1e9),
            "k": K,
            "m": M,
        },
    ),
)

NAMES = tuple(name for method in METHODS for name in method.forms)
"""Published names, in the order of the JSON document."""

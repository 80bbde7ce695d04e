"""The baselines by their published names: their settings, what tuning may choose from, and the forms they come in.

A neighbour baseline comes in two forms, with the session's last item among its answers and without. A plain name lets
it in, but for `vmis-knn`, whose authors leave it out; the other form has a suffix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from model_export.baselines.popularity import Popularity
from model_export.baselines.scoring import Scorer
from model_export.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from model_export.baselines.session_index import SessionIndex
from model_export.baselines.sknn import Sknn, SknnConfig, Vsknn, VsknnConfig
from model_export.baselines.stan import Stan, StanConfig
from model_export.baselines.vmis_knn import VmisKnn, VmisKnnConfig
from model_export.data.sessions import Sessions

Config = Any
"""A method's dataclass of settings; each method is made with its own."""

M, K = (250, 500, 1000, 2500), (50, 100, 200, 500)


class Ground:
    """What baselines are fitted on: sessions, and the index that all neighbour baselines share.

    Args:
        train: the sessions; nothing else is ever looked at.
    """

    def __init__(self, train: Sessions) -> None:
        self.train = train

    @cached_property
    def index(self) -> SessionIndex:
        """The sessions by item."""
        return SessionIndex(self.train)


@dataclass(frozen=True)
class Method:
    """One way to score, in all its forms.

    Attributes:
        forms: published name -> whether the session's last item may be recommended.
        default: settings where nothing can be tuned on.
        make: fits it.
        grid: what tuning tries, by setting.
    """

    forms: Mapping[str, bool]
    default: Config
    make: Callable[[Ground, Config], Scorer]
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


METHODS: tuple[Method, ...] = (
    Method({"popularity": True}, None, lambda ground, _config: Popularity(ground.train)),
    Method(
        {"sequential-rules": True},
        SequentialRulesConfig(),
        lambda ground, config: SequentialRules(ground.train, config),
        {"max_distance": (1, 2, 5, 10, 20)},
    ),
    Method(
        {"sknn": True, "sknn-no-current": False},
        SknnConfig(),
        lambda ground, config: Sknn(ground.index, config),
        {"m": M, "k": K},
    ),
    Method(
        {"v-sknn": True, "v-sknn-no-current": False},
        VsknnConfig(),
        lambda ground, config: Vsknn(ground.index, config),
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
        lambda ground, config: VmisKnn(ground.index, config),
        {"window": (2, 4, 9), "k": K, "m": M},
    ),
    Method(
        {"stan": True, "stan-no-current": False},
        StanConfig(),
        lambda ground, config: Stan(ground.index, config, is_epoch=ground.train.is_epoch),
        {
            "session_decay": (1.0, 2.0, 4.0, 8.0),
            "age_days": (2.5, 10.0, 40.0, 80.0),
            "place_decay": (1.0, 2.0, 4.0, 1e9),
            "k": K,
            "m": M,
        },
    ),
)
"""Every baseline."""

NAMES = tuple(name for method in METHODS for name in method.forms)
"""Published names, in the order of reports."""

"""The size of a drill, and how much faster its clocks run than those of a shop."""

from dataclasses import dataclass

from model_export.drift.route import Window
from model_export.experiments.decide import Bound, Rules
from model_export.experiments.measurements import ERROR_RATE
from model_export.experiments.records import Timing

ROUTE = "live"
IDLE_SECONDS = 4.0
"""A session has ended after so long: simulated visitors do not pause. A shop waits half an hour."""
ROUTE_SECONDS = 1
"""How soon functions follow the route; by default 30."""
SETTLE_SECONDS = 3.0
"""Time in which each worker has read a changed route; it does so beside its requests, and does not say when."""
COLLECT_SECONDS = 5.0
"""Pause between two runs of the collector; on AWS 5 minutes."""
LOOK_SECONDS, DRIFT_SECONDS = 8.0, 15.0
"""Pauses between two looks, and between two measurements of drift; on AWS minutes, and an hour."""
LONGEST_SECONDS = 120.0
"""Longer sessions count in no experiment."""
MAX_ERROR_RATE = 0.02
"""The guard rail: a challenger with more errors is rolled back at the next look."""
TIMING = Timing(idle=IDLE_SECONDS, delay=5.0, settle=SETTLE_SECONDS, longest=LONGEST_SECONDS)
"""Each look here follows a run of the collector, so the lake is complete until a second before."""


@dataclass(frozen=True)
class Size:
    """How much a drill does. Sessions, not seconds, end an act: a busy machine takes longer.

    Attributes:
        products: of the shop before it changes.
        new_products: that the changed shop has in addition.
        history: sessions from which the first champion learns.
        steady: sessions of the steady shop, at least.
        window_seconds: length of the window in which drift is measured.
        recovery: sessions after a promotion, to see the hit rate recover.
        undecided: sessions of both arms after which the experiment of two equal versions is stopped.
        minimum_sessions: see `Rules`.
        planned_sessions: see `Rules`.
        hidden: of the trained networks.
        epochs: of the trained networks.
        patience_seconds: an act that takes longer fails.
    """

    products: int = 400
    new_products: int = 120
    history: int = 2_000
    steady: int = 600
    window_seconds: float = 30.0
    recovery: int = 300
    undecided: int = 1_000
    minimum_sessions: int = 100
    planned_sessions: int = 1_000
    hidden: int = 16
    epochs: int = 1
    patience_seconds: float = 1_200.0

    @property
    def window(self) -> Window:
        """The window of drift, smoothed over the time between two measurements."""
        return Window(self.window_seconds / 3600, round(IDLE_SECONDS * 1000), DRIFT_SECONDS / 3600)

    def rules(self, *steps: float) -> Rules:
        """Return the rules of an experiment, which differ from the defaults in numbers of sessions only."""
        return Rules(
            steps=steps,
            minimum_sessions=self.minimum_sessions,
            planned_sessions=self.planned_sessions,
            guards=(Bound(ERROR_RATE, MAX_ERROR_RATE),),
        )


FULL = Size()
SMALL = Size(
    products=150,
    new_products=150,
    history=500,
    steady=60,
    window_seconds=20.0,
    recovery=30,
    undecided=80,
    minimum_sessions=20,
    planned_sessions=200,
)
"""The whole story in a minute, for tests; its figures mean little."""

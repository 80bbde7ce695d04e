"""All alarms, and the composite alarms that notify once for each cause."""

from observability.alarms.function import FUNCTION_ALARMS
from observability.alarms.learning import LEARNING_ALARMS, LEARNING_COMPOSITES, LOOP_ALARMS
from observability.alarms.model import MODEL_ALARMS
from observability.alarms.objectives import burn_alarms, burn_composites
from observability.alarms.rules import AllOf, AnyOf, InAlarm, Not
from observability.alarms.store import STORE_ALARMS
from observability.alarms.types import Alarm, CompositeAlarm, MetricAlarm

ALARMS: tuple[MetricAlarm, ...] = (
    *burn_alarms(),
    *STORE_ALARMS,
    *FUNCTION_ALARMS,
    *MODEL_ALARMS,
    *LEARNING_ALARMS,
    *LOOP_ALARMS,
)

_STORE_IS_DOWN = InAlarm("store-down")
COMPOSITES: tuple[CompositeAlarm, ...] = (
    *burn_composites(),
    CompositeAlarm(
        name="greater-cause",
        meaning="Another alarm already notifies about the cause of slow requests",
        runbook="store-down",
        rule=AnyOf((_STORE_IS_DOWN, InAlarm("availability-page"))),
        notifies=None,
    ),
    CompositeAlarm(
        name="store-faults-ticket",
        meaning="The session store fails for more than 1 % of the requests, but is not down",
        runbook="store-down",
        rule=AllOf((InAlarm("store-faults"), Not(_STORE_IS_DOWN))),
        notifies="ticket",
    ),
    CompositeAlarm(
        name="bad-model",
        meaning="Visitors look at hardly any item that the model recommends",
        runbook="bad-model",
        rule=InAlarm("hit-rate-floor"),
        notifies="page",
        suppressor="store-down",
    ),
    CompositeAlarm(
        name="model-decline",
        meaning="The model recommends worse than in the past two weeks, and the store is not the cause",
        runbook="bad-model",
        rule=AllOf((InAlarm("hit-rate-unusual"), Not(InAlarm("hit-rate-floor")), Not(_STORE_IS_DOWN))),
        notifies="ticket",
    ),
    *LEARNING_COMPOSITES,
)

EVERY_ALARM: tuple[Alarm, ...] = (*ALARMS, *COMPOSITES)

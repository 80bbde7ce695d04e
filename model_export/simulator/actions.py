"""The actions of a shopper beside looking: likes, carts and purchases.

They follow from the walk, so that they say something about it: before shoppers look for accessories, half of them
put the main product into the cart. All that a visit buys is bought at its end.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from model_export.simulator.chance import Chance
from model_export.simulator.shopper import Intent, Step


class EventType(StrEnum):
    """What a shopper does with an item."""

    VIEW = "view"
    LIKE = "like"
    CART = "cart"
    PURCHASE = "purchase"


class Action(NamedTuple):
    """A like, a cart or a purchase."""

    item_id: str
    time: float
    """Epoch seconds in whole milliseconds; after the view of the item."""
    type: EventType


_LIKE = 0.02
"""Probability that a shopper likes an item."""
_CART = {Intent.BROWSE: 0.03, Intent.COMPARE: 0.05, Intent.ACCESSORIES: 0.2, Intent.DRIFT: 0.02, Intent.WHIM: 0.02}
"""Probability that an item looked at for this reason is put into the cart."""
_CART_BEFORE_ACCESSORIES = 0.45
"""The same for a product whose accessories come next."""
_CHECKOUT = 0.35
"""Probability that a visit with a cart ends with its purchase."""
_AFTER_LAST = 30.0
"""Maximum seconds from the last view to the end of a visit."""


def actions_of(steps: Sequence[Step], times: Sequence[float], end: float, chance: Chance) -> Iterator[Action]:
    """Yield what a shopper does in a visit beside looking, in the order of time.

    Args:
        steps: of the visit.
        times: of its views.
        end: epoch seconds that no action reaches.
        chance: decides.
    """
    until = (*times[1:], min(times[-1] + _AFTER_LAST, end))
    cart: dict[str, None] = {}
    for place, (step, time, next_time) in enumerate(zip(steps, times, until, strict=True)):
        # A tenth of the time is left for the purchase at the end.
        like, add, buy = (round(time + (next_time - time) * part, 3) for part in (0.3, 0.6, 0.9))
        item_id = step.product.item_id
        if chance.happens(_LIKE):
            yield Action(item_id, like, EventType.LIKE)
        follows = steps[place + 1].intent if place + 1 < len(steps) else None
        turns = follows is Intent.ACCESSORIES and step.intent is not Intent.ACCESSORIES
        wanted = chance.happens(_CART_BEFORE_ACCESSORIES if turns else _CART[step.intent])
        if wanted and item_id not in cart and add < step.product.sold_out:
            cart[item_id] = None
            yield Action(item_id, add, EventType.CART)
    if cart and chance.happens(_CHECKOUT):
        yield from (Action(bought, buy, EventType.PURCHASE) for bought in cart)

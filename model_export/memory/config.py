"""What the session memory keeps and how it recalls, as values that are checked."""

import msgspec

from nextitem.errors import InputError


class MemoryConfig(msgspec.Struct, frozen=True):
    """A session nearest-neighbour method in the line of VMIS-kNN (Kersbergen et al. 2022) and STAN (Garg et al. 2019).

    Attributes:
        sessions: newest training sessions that are kept; 0 for no memory.
        session_events: newest events of a session that are kept, or asked by: the log's window.
        events: newest events of the visitor's session that neighbours are looked for by.
        per_item: newest sessions that are looked at for each of these events.
        neighbours: most similar sessions that vote.
        recalled: items with the most votes that count.
        event_decay: exponential loss of an event's weight for each newer one in the visitor's session.
        rarity: power of an item's inverse document frequency that the similarity of sessions is weighted with.
        length_power: a neighbour's similarity is divided by its number of items to this power.
        sharpness: power of the similarity that a neighbour votes with.
        after, before: exponential loss of a vote for each event between the item and the one that both sessions share,
            for items after it and before it.
    """

    sessions: int = 200_000
    session_events: int = 64
    events: int = 10
    per_item: int = 500
    neighbours: int = 100
    recalled: int = 512
    event_decay: float = 0.2
    rarity: float = 2.0
    length_power: float = 0.25
    sharpness: float = 1.5
    after: float = 0.2
    before: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InputError: naming the setting and what it must be.
        """
        for name in self.__struct_fields__:
            least = 1 if isinstance(getattr(self, name), int) and name != "sessions" else 0
            if not getattr(self, name) >= least:  # so that no NaN passes
                raise InputError(
                    f"memory {name.replace('_', ' ')} must be at least {least}, not {getattr(self, name)!r}"
                )
        if self.session_events > MAX_SESSION_EVENTS:
            raise InputError(f"memory session events must be at most {MAX_SESSION_EVENTS}, not {self.session_events!r}")


MAX_SESSION_EVENTS = 256
"""Positions in a session are kept as bytes."""

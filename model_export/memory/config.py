"""Settings of the session memory."""

import msgspec

from nextitem.errors import InputError

MAX_SESSION_EVENTS = 256
"""Places in a session are stored as bytes."""


class MemoryConfig(msgspec.Struct, frozen=True):
    """Settings of a nearest-neighbour method like VMIS-kNN (Kersbergen et al. 2022) and STAN (Garg et al. 2019).

    Attributes:
        sessions: newest training sessions that are kept; 0 for no memory.
        session_events: newest events of a training session that are kept; 64 is the length of the event log.
        events: newest events of the current session that are compared.
        per_item: newest training sessions that are compared for each of these events.
        neighbours: most similar sessions that vote.
        recalled: items with the most votes that are kept.
        event_decay: exponential decay of an event's weight per newer event of the current session.
        rarity: power of an item's inverse document frequency in the similarity.
        length_power: a neighbour's similarity is divided by its number of items to this power.
        sharpness: power of the similarity in a neighbour's vote.
        after, before: exponential decay of a vote per event between the item and the one that both sessions share, for
            items after it and before it.
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
        """Validate the settings.

        Raises:
            InputError: a setting is out of range; the text names it and its range.
        """
        for name in self.__struct_fields__:
            minimum = 1 if isinstance(getattr(self, name), int) and name != "sessions" else 0
            if not getattr(self, name) >= minimum:  # "not >=" also refuses NaN
                raise InputError(
                    f"memory {name.replace('_', ' ')} must be at least {minimum}, not {getattr(self, name)!r}"
                )
        if self.session_events > MAX_SESSION_EVENTS:
            raise InputError(f"memory session events must be at most {MAX_SESSION_EVENTS}, not {self.session_events!r}")

"""A session store in plain Python: `test_store_model` compares a real store with it."""

from bisect import bisect_right
from dataclasses import dataclass, field

from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import SEEN_TAGS, WINDOW, Event, LogEntry, Status
from nextitem.sessions.valkey_store import SNAPSHOTS_KEPT
from tests.nextitem.parts import HASH_KEY


@dataclass
class ModelSession:
    """One session.

    Attributes:
        log: its newest events.
        trimmed: names of the events trimmed from the log, oldest first.
        names: the name of each tag.
        length: the number of distinct events.
        snapshots: chain and value of the snapshot of each model version.
        short_lived: whether its time to live was shortened, and no write has renewed it.
    """

    log: list[LogEntry] = field(default_factory=list)
    trimmed: list[str] = field(default_factory=list)
    names: dict[bytes, str] = field(default_factory=dict)
    length: int = 0
    snapshots: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    short_lived: bool = False

    @property
    def forgotten(self) -> list[str]:
        """Names of trimmed events that the store no longer knows, and that have not come again."""
        known = set(self._known(self.trimmed[-SEEN_TAGS:]))
        return [name for name in self.trimmed[:-SEEN_TAGS] if name not in known]

    @property
    def chains(self) -> list[bytes]:
        return [entry.chain for entry in self.log]

    def append(self, events: list[Event], now: int) -> list[Status]:
        """Add the events of one request."""
        self.short_lived = False
        remembered = self.trimmed[-SEEN_TAGS:]
        statuses: list[Status] = []
        for event in events:
            before = len(self.trimmed)
            statuses.append("duplicate" if event.event_id in self._known(remembered) else self._insert(event, now))
            remembered += self.trimmed[before:]
        return statuses

    def save(self, version: str, chain: bytes, value: int) -> bool:
        """Store a snapshot unless a newer one is there or its past is unknown; return whether it was stored."""
        if chain not in self.chains:
            return False
        old = self.snapshots.get(version)
        if old is None and len(self.snapshots) >= SNAPSHOTS_KEPT:
            self.snapshots.clear()
        if old is not None and old[0] in self.chains and self.chains.index(old[0]) >= self.chains.index(chain):
            return False
        self.snapshots[version] = chain, value
        self.short_lived = False
        return True

    def replay_from(self, version: str) -> tuple[int | None, tuple[LogEntry, ...]]:
        """Return the value of the snapshot to start from (None: nothing), and the entries to replay."""
        chain, value = self.snapshots.get(version, (b"", 0))
        if chain not in self.chains:
            return None, tuple(self.log)
        return value, tuple(self.log[self.chains.index(chain) + 1 :])

    def _known(self, remembered: list[str]) -> list[str]:
        return [self.names[entry.tag] for entry in self.log] + remembered

    def _insert(self, event: Event, now: int) -> Status:
        at = event.occurred_at
        if at is None:
            at = max(now, self.log[-1].at) if self.log else now
        place = bisect_right(self.log, at, key=lambda entry: entry.at)
        late = place < len(self.log)
        if late and place == 0 and len(self.log) == WINDOW:
            return "too_old"
        tag = event_tag(HASH_KEY, event.event_id)
        self.names[tag] = event.event_id
        self.length += 1
        self.log.insert(place, LogEntry(at, tag, event.item_id, b"", event.type))
        chain = self.log[place - 1].chain if place else b""
        for later, entry in enumerate(self.log[place:], start=place):
            chain = next_chain(chain, entry.tag, entry.item_id, entry.type)
            self.log[later] = entry._replace(chain=chain)
        if len(self.log) > WINDOW:
            self.trimmed.append(self.names[self.log.pop(0).tag])
        return "late" if late else "applied"

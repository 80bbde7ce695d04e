"""What the pages show of a running stack."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from devstack.console.calls import CallTimes
from devstack.console.catalogue import Catalogues
from devstack.console.drift import Drift
from devstack.console.experiments import Experiments
from devstack.console.models import Models
from devstack.console.neighbours import ItemView, item_view
from devstack.console.replay import Step, Why, explain_answer, replay_steps
from devstack.console.stored_session import StoredEvent, StoredImpression, StoredSession, read_session
from devstack.processes.errors import StackError
from devstack.services.bucket import Bucket
from devstack.stack import KEY_SECRET, SUBJECTS, Stack
from devstack.top.command import WINDOW_SECONDS, Watch
from devstack.top.figures import Figures
from devstack.top.log_tail import LogTail
from model_export.simulator import Session
from nextitem import DEFAULT_STACK
from nextitem.sessions.keys import SessionName


@dataclass(frozen=True)
class ShopView:
    """What the pages need to begin.

    Attributes:
        fields: the columns of the catalogue that the shop shows; none without a catalogue.
        categories: of the catalogue.
        token: for the API, if it needs one.
    """

    fields: tuple[str, ...]
    categories: tuple[str, ...]
    token: str | None


@dataclass(frozen=True)
class SnapshotView:
    """A stored snapshot without its values: its version, the events in it, and the number of values."""

    version: str
    events: int | None
    values: int


@dataclass(frozen=True)
class SessionView:
    """A stored session for the pages, see `StoredSession`."""

    session_id: str
    length: int
    seconds_left: int
    events: tuple[StoredEvent, ...]
    snapshots: tuple[SnapshotView, ...]
    impression: StoredImpression | None


@dataclass(frozen=True)
class ReplayView:
    """The replay of a stored session on a version."""

    version: str
    exclude_seen: bool
    steps: list[Step]


class Backend:
    """Reads and changes a stack for the pages.

    Args:
        sessions: those that the demo replays.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.calls = CallTimes()
        self._sessions = sessions
        self._stack: Stack | None = None
        self._reading = threading.Lock()

    def attach(self, stack: Stack) -> None:
        """Use a running stack from now on."""
        self._stack = stack

    @property
    def stack(self) -> Stack:
        """The running stack.

        Raises:
            StackError: it is still starting.
        """
        if self._stack is None:
            raise StackError("The stack is still starting; try again in a second.")
        return self._stack

    @cached_property
    def models(self) -> Models:
        """The models in the stack's bucket."""
        return Models(Bucket(self.stack.bucket, self.stack.s3_endpoint), self.stack.directory / "console-models")

    @cached_property
    def catalogues(self) -> Catalogues:
        """The catalogues in the stack's bucket."""
        bucket = Bucket(self.stack.bucket, self.stack.s3_endpoint)
        return Catalogues(bucket, self.stack.directory / "console-catalogues")

    @cached_property
    def experiments(self) -> Experiments:
        """The experiments of the route."""
        return Experiments(Bucket(self.stack.bucket, self.stack.s3_endpoint), self.stack.directory, self.stack.lake)

    @cached_property
    def drift(self) -> Drift:
        """The drift of the route."""
        return Drift(Bucket(self.stack.bucket, self.stack.s3_endpoint), self.stack.lake)

    def shop_view(self) -> ShopView:
        """Return what the pages need to begin."""
        token = next(iter(self.stack.tokens.values()), None)
        return ShopView(self.catalogues.shown_fields(), self.catalogues.categories(), token)

    def session_view(self, session_id: str) -> SessionView:
        """Return a stored session; it has no events if the store does not have it."""
        session = self._stored(session_id)
        snapshots = tuple(
            SnapshotView(snapshot.version, snapshot.events, snapshot.hidden.size) for snapshot in session.snapshots
        )
        return SessionView(
            session_id, session.length, session.seconds_left, session.events, snapshots, session.impression
        )

    def replay(self, session_id: str, version: str | None) -> ReplayView:
        """Replay a stored session on a version (None: the route's first)."""
        session = self._stored(session_id)
        route = self.models.route()
        routed = self.models.routed(version or route.variants[0].version)
        return ReplayView(routed.version, routed.exclude_seen, replay_steps(routed, session))

    def why(self, session_id: str, version: str, limit: int) -> Why:
        """Explain what a version recommends to a stored session."""
        session = self._stored(session_id)
        return explain_answer(self.models.routed(version), session.events, limit)

    def item(self, item_id: str) -> ItemView:
        """Return an item's neighbours in the demo's sessions."""
        return item_view(item_id, self._sessions)

    def figures(self, now: float) -> Figures:
        """Return the figures of `devstack top` at a moment (epoch seconds)."""
        with self._reading:  # two pages may ask at once, and each line of the logs counts once
            return self._watch.read(now)

    @cached_property
    def _watch(self) -> Watch:
        return Watch(LogTail(self.stack.directory), DEFAULT_STACK, WINDOW_SECONDS)

    def _stored(self, session_id: str) -> StoredSession:
        # The demo's shoppers, and its page, use the first of the stack's tokens.
        name = SessionName(session_id, SUBJECTS[0] if self.stack.tokens else None)
        return read_session(self.stack.store_url, name, KEY_SECRET.encode())

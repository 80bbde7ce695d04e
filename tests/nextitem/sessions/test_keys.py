"""Keys of sessions, and a secret that changes: nobody reaches another's session, and nobody's is lost."""

import hashlib
import hmac
import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import RENEW_SECONDS, RETRY_SECONDS, KeyRing, SessionName
from tests.nextitem.parts import PATIENCE_SECONDS, STEADY

SECRET, OTHER = b"a secret of tests", b"another of tests"
FIRST, SECOND = KeySecret(SECRET), KeySecret(OTHER, SECRET, rotated_at=1_000.0)
TTL = 3_600.0
ME = SessionName("me")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@dataclass
class World:
    """A secret's keeper, a clock, and what a ring tells of its background, all in a test's hands."""

    secret: KeySecret | SecretUnavailable = FIRST
    now: float = 10_000.0
    reads: int = 0
    faults: list[NextItemError] = field(default_factory=list)

    def read(self) -> KeySecret:
        self.reads += 1
        if isinstance(self.secret, SecretUnavailable):
            raise self.secret
        return self.secret

    def ring(self) -> KeyRing:
        return KeyRing(self.read, TTL, self.faults.append, lambda: self.now)


def settled() -> None:
    """Wait for the background."""
    for thread in threading.enumerate():
        if thread.name == "secret":
            thread.join(PATIENCE_SECONDS)


@pytest.fixture
def world() -> World:
    return World()


def test_the_key_is_an_hmac_of_the_id() -> None:
    digest = hmac.new(SECRET, b"me", hashlib.sha256).hexdigest()
    assert ME.key(SECRET) == f"nextitem:{digest[:32]}"


def test_a_variant_does_not_hang_on_the_secret() -> None:
    # GIVEN a name WHEN secrets change THEN its key does, and its place does not
    assert ME.key(SECRET) != ME.key(OTHER)
    assert ME.place == SessionName("me").place == hashlib.sha256(b"\nme").hexdigest()
    assert len({SessionName(f"visitor-{number}").place for number in range(1000)}) == 1000


@STEADY
@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_choice_of_ids_leads_to_another_subject_s_session(
    session: str, other_session: str, subject: str, other_subject: str
) -> None:
    # GIVEN two names that differ WHEN their keys are made THEN these differ, whichever parts are alike
    names = {
        SessionName(session),
        SessionName(other_session),
        SessionName(session, subject),
        SessionName(other_session, other_subject),
        SessionName(subject, session),
        SessionName(f"{subject}\n{session}"),
    }
    assert len({name.key(SECRET) for name in names}) == len(names)


def test_an_unbound_session_is_never_a_bound_one() -> None:
    assert len({SessionName("me", subject).key(SECRET) for subject in (None, "", "me", "None")}) == 4


@pytest.mark.parametrize(
    "texts",
    [
        ("short",),
        ("a secret of tests", "short"),
        ("a secret of tests", None, float("nan")),
        ("a secret of tests", None, 10**400),
    ],
)
def test_a_secret_that_is_none_is_refused(texts: tuple[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says must not be the secret, see below
        KeySecret.of(*texts)
    assert not any(str(text) in str(caught.value) for text in texts if isinstance(text, str))


def test_a_secret_is_read_once_and_kept(world: World) -> None:
    ring = world.ring()
    ring.prepare()
    assert {ring.keys(ME).current for _ in range(3)} == {ME.key(SECRET)}
    assert (world.reads, ring.keys(ME).previous) == (1, None)


def test_a_first_secret_that_cannot_be_read_is_asked_for_each_second(world: World) -> None:
    # GIVEN a ring whose secret cannot be read
    world.secret = SecretUnavailable("not now")
    ring = world.ring()
    ring.prepare()
    assert [str(fault) for fault in world.faults] == ["not now"]

    # WHEN requests come within a second THEN they are told so, and the keeper is left alone
    world.now += RETRY_SECONDS / 2
    for _ in range(3):
        with pytest.raises(SecretUnavailable):
            ring.keys(ME)
    assert world.reads == 1

    # WHEN a second has gone by THEN it is asked once more
    world.now += RETRY_SECONDS
    for _ in range(3):
        with pytest.raises(SecretUnavailable):
            ring.keys(ME)
        settled()
    assert (world.reads, len(world.faults)) == (2, 2)

    # WHEN it is there again THEN it is found
    world.secret = FIRST
    world.now += RETRY_SECONDS
    assert found(ring) == ME.key(SECRET)


def found(ring: KeyRing) -> str:
    """A session's key, once a secret that is there was read: a busy machine may take longer than a request waits."""
    try:
        return ring.keys(ME).current
    except SecretUnavailable:
        settled()
        return ring.keys(ME).current


def test_a_keeper_that_hangs_costs_no_request_more_than_a_moment(world: World) -> None:
    # GIVEN a keeper that does not answer
    goes_on = threading.Event()

    def hanging() -> KeySecret:
        goes_on.wait(PATIENCE_SECONDS)
        return FIRST

    ring = KeyRing(hanging, TTL, world.faults.append, lambda: world.now)

    # WHEN requests come, long after one another THEN each is answered, and only one question hangs
    for _ in range(3):
        with pytest.raises(SecretUnavailable):
            ring.keys(ME)
        world.now += RENEW_SECONDS
    assert sum(thread.name == "secret" for thread in threading.enumerate()) == 1

    # WHEN the answer comes THEN it counts
    goes_on.set()
    settled()
    assert ring.keys(ME).current == ME.key(SECRET)
    settled()


def test_a_changed_secret_is_learned_in_the_background(world: World) -> None:
    # GIVEN a secret in use WHEN it is rotated THEN nothing changes until it is due
    world.now = 1_000.0
    ring = world.ring()
    ring.prepare()
    world.secret = SECOND
    world.now += RENEW_SECONDS - 1
    assert ring.keys(ME).current == ME.key(SECRET)
    assert world.reads == 1

    # WHEN it is due THEN the request that finds so need not wait, and the next ones know
    world.now += 1
    ring.keys(ME)
    settled()
    keys = ring.keys(ME)
    assert (keys.current, keys.previous) == (ME.key(OTHER), ME.key(SECRET))
    assert (world.reads, world.faults) == (2, [])


def test_a_fault_keeps_the_secret_that_was_known(world: World) -> None:
    # GIVEN a secret in use WHEN it cannot be read anew THEN that is told, and the old one goes on
    ring = world.ring()
    ring.prepare()
    world.secret = SecretUnavailable("not now")
    world.now += RENEW_SECONDS
    for _ in range(3):
        assert ring.keys(ME).current == ME.key(SECRET)
        settled()
    assert ([str(fault) for fault in world.faults], world.reads) == (["not now"], 2)

    # WHEN it can be again, and is due THEN the new one is used
    world.secret = SECOND
    world.now += RENEW_SECONDS
    ring.keys(ME)
    settled()
    assert ring.keys(ME).current == ME.key(OTHER)


def test_a_clock_that_was_set_back_reads_the_secret_anew(world: World) -> None:
    ring = world.ring()
    ring.prepare()
    world.now -= 1e6
    ring.keys(ME)
    settled()
    assert world.reads == 2


@pytest.mark.parametrize(
    ("since", "sought"), [(0.0, True), (TTL, True), (TTL + RENEW_SECONDS, True), (TTL + RENEW_SECONDS + 1, False)]
)
def test_sessions_are_sought_under_the_previous_secret_while_one_may_live(
    world: World, since: float, sought: bool
) -> None:
    # GIVEN a rotation so long ago WHEN a session's keys are made THEN it is sought there while it may be there
    world.secret, world.now = SECOND, 1_000.0 + since
    ring = world.ring()
    ring.load()
    assert ring.keys(ME).previous == (ME.key(SECRET) if sought else None)
    assert ring.keys(ME).current == ME.key(OTHER)


def test_a_rotation_of_unknown_time_is_sought_for_ever(world: World) -> None:
    world.secret, world.now = KeySecret(OTHER, SECRET), 1e12
    ring = world.ring()
    ring.load()
    assert ring.keys(ME).previous == ME.key(SECRET)


def test_a_forgotten_secret_is_read_before_it_is_used(world: World) -> None:
    # GIVEN a ring as a snapshot held it WHEN two rotations went by THEN the ancient secret makes no key
    ring = world.ring()
    ring.prepare()
    ring.forget()
    world.secret = SECOND
    assert found(ring) == ME.key(OTHER)

"""A rotation's moment: no two processes look for a session at different keys, and whoever deletes knows them all."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.deadline import Deadline
from nextitem.errors import SecretUnavailable
from nextitem.sessions import keys as module
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import RENEW_SECONDS, RENEWAL_RETRY_SECONDS, TRUSTED_SECONDS, KeyRing, SessionKeys
from operations.rotate_secret import LEAD_SECONDS, LEAST_LEAD_SECONDS
from tests.nextitem.parts import PATIENCE_SECONDS, STEADY, passed, soon
from tests.nextitem.sessions.test_keys import ME, OTHER, SECRET, TTL, World, settled

ROTATED = 10_000.0
"""When the new secret can be read."""
MOMENT = ROTATED + LEAST_LEAD_SECONDS
FIRST, SECOND = KeySecret(SECRET), KeySecret(OTHER, SECRET, MOMENT)
OLD, NEW = ME.key(SECRET), ME.key(OTHER)


def knowing(secret: KeySecret, since: float, now: float) -> KeyRing:
    """A process that read a secret some time ago."""
    world = World(secret, since)
    ring = world.ring()
    ring.load()
    world.now = now
    return ring


def test_a_rotation_is_announced_for_longer_than_a_secret_is_trusted() -> None:
    assert LEAD_SECONDS == 2 * RENEW_SECONDS
    assert LEAD_SECONDS > LEAST_LEAD_SECONDS > TRUSTED_SECONDS > RENEW_SECONDS + RENEWAL_RETRY_SECONDS


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (ROTATED, SessionKeys(OLD)),
        (MOMENT - 0.001, SessionKeys(OLD)),
        (MOMENT, SessionKeys(NEW, OLD)),
        (MOMENT + TTL + RENEW_SECONDS, SessionKeys(NEW, OLD)),
        (MOMENT + TTL + RENEW_SECONDS + 1, SessionKeys(NEW)),
    ],
)
def test_a_new_secret_counts_from_its_moment_on(now: float, keys: SessionKeys) -> None:
    assert knowing(SECOND, now, now).keys(ME) == keys


@STEADY
@given(
    st.floats(ROTATED - RENEW_SECONDS, MOMENT + TTL),
    st.lists(st.floats(0, TRUSTED_SECONDS, exclude_max=True), min_size=2),
)
def test_processes_that_read_the_secret_at_different_times_agree(now: float, ages: list[float]) -> None:
    # GIVEN processes that last read the secret at any time in which it is trusted WHEN each makes a key
    read = [now - age for age in ages]
    made = {knowing(FIRST if at < ROTATED else SECOND, at, now).keys(ME).current for at in read}
    settled()
    # THEN it is the same
    assert len(made) == 1


def test_a_renewal_that_failed_is_tried_again_soon() -> None:
    # GIVEN a secret in use that cannot be read anew when it is due
    world = World(FIRST, ROTATED)
    ring = world.ring()
    ring.load()
    world.secret = SecretUnavailable("not now")
    world.now += RENEW_SECONDS
    ring.keys(ME)
    settled()
    # WHEN it can be a few seconds later THEN it is
    world.secret = KeySecret(OTHER)
    world.now += RENEWAL_RETRY_SECONDS
    ring.keys(ME)
    settled()
    assert (ring.keys(ME).current, world.reads) == (NEW, 3)


def test_who_slept_through_a_rotation_looks_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a process that was frozen for so long that its secret is not to be trusted
    monkeypatch.setattr(module, "FIRST_SECONDS", PATIENCE_SECONDS)
    world = World(FIRST, ROTATED)
    ring = world.ring()
    ring.load()
    world.secret, world.now = SECOND, MOMENT + TRUSTED_SECONDS
    # WHEN a request comes THEN it is answered by the new one
    assert ring.keys(ME, soon()) == SessionKeys(NEW, OLD)


def test_a_request_waits_for_a_first_secret_no_longer_than_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a keeper that hangs, for which requests would wait long
    monkeypatch.setattr(module, "FIRST_SECONDS", 2 * PATIENCE_SECONDS)
    goes_on = threading.Event()

    def hanging() -> KeySecret:
        assert goes_on.wait(PATIENCE_SECONDS)
        return FIRST

    ring = KeyRing(hanging, TTL, World().faults.append)
    # WHEN one comes that has little time THEN it is answered meanwhile, and the next ones go on from what comes
    for limit in (passed(), Deadline.after(0.01)):
        with pytest.raises(SecretUnavailable):
            ring.keys(ME, limit)
        with pytest.raises(SecretUnavailable):
            ring.everywhere(ME, limit)
    goes_on.set()
    settled()
    assert ring.keys(ME, passed()) == ring.everywhere(ME, passed()) == SessionKeys(OLD)


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (ROTATED, SessionKeys(NEW, OLD)),
        (MOMENT, SessionKeys(NEW, OLD)),
        (MOMENT + TTL + RENEW_SECONDS + 1, SessionKeys(NEW)),
    ],
)
def test_a_deletion_knows_both_keys_before_the_moment_and_after(now: float, keys: SessionKeys) -> None:
    assert knowing(SECOND, now, now).everywhere(ME, passed()) == keys


def test_a_deletion_trusts_no_old_secret() -> None:
    # GIVEN a process that was frozen WHEN a session is to be deleted THEN the secret is read first
    world = World(FIRST, ROTATED)
    ring = world.ring()
    ring.load()
    world.secret, world.now = SECOND, ROTATED + TRUSTED_SECONDS
    assert ring.everywhere(ME, soon()) == SessionKeys(NEW, OLD)

    # AND where it cannot be read, nothing is deleted by what was known
    world.secret, world.now = SecretUnavailable("not now"), world.now + TRUSTED_SECONDS
    with pytest.raises(SecretUnavailable):
        ring.everywhere(ME, soon())

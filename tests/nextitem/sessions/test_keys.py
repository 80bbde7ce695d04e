"""Keys of sessions: no id leads to another's session, and a rotation of the secret loses none."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import SecretUnavailable
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionKeys, SessionName, session_key
from nextitem.sessions.secret_cache import RENEW_SECONDS, RETRY_SECONDS, TRUSTED_SECONDS
from operations.rotate_secret import LEAD_SECONDS, MIN_LEAD_SECONDS
from tests.nextitem.parts import STEADY, passed
from tests.nextitem.sessions.secret_source import ME, OTHER, SECRET, TTL, SecretSource, wait_for_readers

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ROTATED = 10_000.0
"""When the new secret can first be read."""
EFFECT = ROTATED + MIN_LEAD_SECONDS
"""When it takes effect."""
EXPIRED = EFFECT + TTL + RENEW_SECONDS
"""When no session can be left under the old secret."""
FIRST, SECOND = KeySecret(SECRET), KeySecret(OTHER, SECRET, EFFECT)
OLD, NEW = ME.key(SECRET), ME.key(OTHER)


def ring_that_read(secret: KeySecret, read_at: float, now: float) -> KeyRing:
    source = SecretSource(secret, read_at)
    ring = source.loaded_ring()
    source.now = now
    return ring


def test_the_key_never_changes() -> None:
    # Another value would orphan every stored session.
    assert session_key(b"0123456789abcdef", "me") == "nextitem:7542bba5fe0cf06830a23838b429abd6"
    assert SessionName("me").key(SECRET) == session_key(SECRET, "me") != session_key(OTHER, "me")


@STEADY
@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_different_names_have_different_keys(
    session: str, other_session: str, subject: str, other_subject: str
) -> None:
    names = {
        SessionName(session),
        SessionName(session, ""),
        SessionName(other_session),
        SessionName(session, subject),
        SessionName(other_session, other_subject),
        SessionName(subject, session),
        SessionName(f"{subject}\n{session}"),
    }
    assert len({name.key(SECRET) for name in names}) == len(names)


@STEADY
@given(TEXTS, st.none() | TEXTS)
def test_a_session_keeps_its_name_in_the_lake_when_the_secret_is_rotated(session: str, subject: str | None) -> None:
    name = SessionName(session, subject)
    kept = KeySecret(OTHER, SECRET, EFFECT, FIRST.lake_key)
    pseudonym = name.pseudonym(FIRST.lake_key)
    assert pseudonym == name.pseudonym(kept.lake_key) != name.pseudonym(KeySecret(OTHER).lake_key)
    assert len({pseudonym, SessionName(session, f"{subject}x").pseudonym(FIRST.lake_key)}) == 2
    assert not any(pseudonym in name.key(secret, 256) for secret in (SECRET, OTHER))


def test_each_session_and_each_secret_has_its_own_key_of_hashes() -> None:
    names = [SessionName(f"visitor-{number}") for number in range(100)]
    keys = [name.key(secret) for name in names for secret in (SECRET, OTHER)]
    assert len({key.hash_key for key in keys}) == len(keys)
    assert not any(key.hash_key.hex() in key for key in keys)


def test_hashes_change_their_key_only_when_no_process_can_have_the_old_secret() -> None:
    def hash_keys(secret: KeySecret, now: float) -> tuple[bytes, bytes | None]:
        key = ring_that_read(secret, now, now).keys(ME).current
        return key.hash_key, key.old_hash_key

    assert hash_keys(FIRST, EFFECT) == hash_keys(SECOND, EFFECT - 0.001) == (OLD.hash_key, None)
    assert hash_keys(SECOND, EFFECT) == hash_keys(SECOND, EXPIRED) == (OLD.hash_key, NEW.hash_key)
    assert hash_keys(SECOND, EXPIRED + 1) == (NEW.hash_key, OLD.hash_key)


def test_draws_are_uniform_sticky_keyed_and_independent_between_experiments() -> None:
    # GIVEN draws of some sessions under two salts
    ring = ring_that_read(FIRST, EFFECT, EFFECT)
    names = [SessionName(f"visitor-{number}") for number in range(2000)]
    one, other = ([ring.draw(salt, name) for name in names] for salt in ("one", "other"))
    # THEN each quarter of [0, 1) has a quarter of them, whatever quarter they have under the other salt: over three
    # standard deviations of a binomial are allowed
    assert all(0 <= draw < 1 for draw in one + other)
    places = Counter((int(4 * a), int(4 * b)) for a, b in zip(one, other, strict=True))
    assert len(places) == 16
    assert all(abs(count - 125) < 40 for count in places.values())
    # AND a draw is the same in other processes, also after a rotation, and another deployment has others
    rotated = ring_that_read(msgspec.structs.replace(SECOND, lake=FIRST.lake_key), EXPIRED + 1, EFFECT)
    assert one == [rotated.draw("one", name) for name in names]
    assert one[0] != ring_that_read(KeySecret(OTHER), EFFECT, EFFECT).draw("one", names[0])


def test_all_sessions_of_a_subject_have_one_draw() -> None:
    ring = ring_that_read(FIRST, EFFECT, EFFECT)
    draws = {ring.draw("salt", SessionName(session, "subject")) for session in ("a", "b")}
    assert len(draws) == 1
    assert len(draws | {ring.draw("salt", name) for name in (SessionName("a", "other"), SessionName("subject"))}) == 3


def test_without_a_secret_a_session_takes_no_part_in_an_experiment() -> None:
    ring = SecretSource(SecretUnavailable("not now"), EFFECT).ring()
    assert ring.draw("salt", ME) == 1
    wait_for_readers()


@pytest.mark.parametrize(
    "texts",
    [
        ("short",),
        ("a secret of tests", "short"),
        ("a secret of tests", None, float("nan")),
        ("a secret of tests", None, 10**400),
    ],
)
def test_an_invalid_secret_is_refused_and_not_quoted(texts: tuple[str]) -> None:
    with pytest.raises(ValueError, match="key secret") as caught:
        KeySecret.of(*texts)
    assert not any(text in str(caught.value) for text in texts if isinstance(text, str))


def test_a_rotation_is_announced_for_longer_than_a_secret_is_trusted() -> None:
    assert LEAD_SECONDS == 2 * RENEW_SECONDS
    assert LEAD_SECONDS > MIN_LEAD_SECONDS > TRUSTED_SECONDS > RENEW_SECONDS + RETRY_SECONDS


@pytest.mark.parametrize(
    ("now", "keys", "keys_to_delete"),
    [
        (ROTATED, SessionKeys(OLD), SessionKeys(NEW, OLD)),
        (EFFECT - 0.001, SessionKeys(OLD), SessionKeys(NEW, OLD)),
        (EFFECT, SessionKeys(NEW, OLD), SessionKeys(NEW, OLD)),
        (EXPIRED, SessionKeys(NEW, OLD), SessionKeys(NEW, OLD)),
        (EXPIRED + 1, SessionKeys(NEW), SessionKeys(NEW)),
    ],
)
def test_a_new_secret_counts_from_the_time_of_its_effect(
    now: float, keys: SessionKeys, keys_to_delete: SessionKeys
) -> None:
    ring = ring_that_read(SECOND, now, now)
    assert ring.keys(ME) == keys
    assert ring.keys_to_delete(ME, passed()) == keys_to_delete


def test_after_a_rotation_at_an_unknown_time_the_previous_key_always_counts() -> None:
    assert ring_that_read(KeySecret(OTHER, SECRET), 1e12, 1e12).keys(ME) == SessionKeys(NEW, OLD)


@STEADY
@given(
    st.floats(ROTATED - RENEW_SECONDS, EFFECT + TTL),
    st.lists(st.floats(0, TRUSTED_SECONDS, exclude_max=True), min_size=2),
)
def test_processes_that_read_the_secret_at_different_times_agree(now: float, ages: list[float]) -> None:
    read = [now - age for age in ages]
    made = {ring_that_read(FIRST if at < ROTATED else SECOND, at, now).keys(ME).current for at in read}
    wait_for_readers()
    assert len(made) == 1

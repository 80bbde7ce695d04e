"""Sessions: their verbs and their digest."""

import numpy as np

from tests.model_export.handmade import handmade, items_of


def test_a_subset_has_the_chosen_sessions_and_only_their_items() -> None:
    # GIVEN three sessions
    sessions = handmade("a b", "c d e", "b a a")
    # WHEN two are chosen, in another order
    chosen = sessions.subset([2, 0])
    # THEN these are there in that order, with rows and times of their own
    assert chosen.ids == ["s2", "s0"]
    assert chosen.catalogue == ("a", "b")
    assert items_of(chosen) == [["b", "a", "a"], ["a", "b"]]
    assert chosen.rows.tolist() == [6, 7, 8, 1, 2]
    assert chosen.starts.tolist() == [sessions.starts[2], sessions.starts[0]]
    assert chosen.codes.dtype == np.int32


def test_a_subset_can_be_empty() -> None:
    # GIVEN a session
    # WHEN none is chosen
    none = handmade("a b").subset([])
    # THEN there is none, and no item
    assert len(none) == 0
    assert none.catalogue == ()
    assert none.offsets.tolist() == [0]


def test_recoding_drops_unknown_items_and_then_short_sessions() -> None:
    # GIVEN sessions of which some lose events, and one was short before
    sessions = handmade("a x b", "x a", "b c c", "a")
    # WHEN they are recoded to a catalogue that has no x and an order of its own
    recoded = sessions.recoded(("c", "b", "a", "unused"))
    # THEN events of x are gone, then the sessions that had one event left
    assert recoded.ids == ["s0", "s2"]
    assert items_of(recoded) == [["a", "b"], ["b", "c", "c"]]
    assert [recoded.session(0).tolist(), recoded.session(1).tolist()] == [[2, 1], [1, 0, 0]]
    assert recoded.rows.tolist() == [1, 3, 6, 7, 8]


def test_recoding_to_nothing_known_leaves_no_session() -> None:
    # GIVEN sessions without any item of a catalogue
    # WHEN they are recoded to it
    recoded = handmade("a b", "b c").recoded(("x",))
    # THEN none is left, over that catalogue
    assert len(recoded) == 0
    assert recoded.catalogue == ("x",)


def test_the_digest_is_of_the_content_alone() -> None:
    # GIVEN sessions
    sessions = handmade("a b", "b c")
    # WHEN their catalogue has another order, and items that they do not use
    other = sessions.recoded(("z", "c", "b", "a"))
    # THEN the digest is the same
    assert other.codes.tolist() != sessions.codes.tolist()
    assert other.digest == sessions.digest


def test_the_digest_tells_each_part() -> None:
    # GIVEN sessions that differ in an item, in a time, in where one ends, or in how ids are cut
    digests = {
        handmade(*case, start=start).digest
        for case, start in (
            (("a b", "b c"), 10),
            (("a b", "b d"), 10),
            (("a b", "b c"), 11),
            (("a b b", "c"), 10),
            (("ab b", "b c"), 10),
        )
    }
    # WHEN their digests are compared
    # THEN no two are the same
    assert len(digests) == 5


def test_the_digest_never_changes_between_releases() -> None:
    # GIVEN the digest that a run of today writes into its manifest
    # WHEN it is computed from the same events
    # THEN it is the same for ever: it names training data
    assert handmade("a b", "b c").digest == "2b880b5de8e7785389f78cd1e2a8fc7f5383a20792ea20916e312431bb8005f0"

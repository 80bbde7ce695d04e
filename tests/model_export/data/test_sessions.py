"""Sessions: subsets, other catalogues, and the digest."""

import numpy as np

from tests.model_export.handmade import handmade, items_of


def test_a_subset_has_the_chosen_sessions_and_only_their_items() -> None:
    sessions = handmade("a b", "c d e", "b a a")
    chosen = sessions.subset([2, 0])
    assert chosen.ids == ["s2", "s0"]
    assert chosen.catalogue == ("a", "b")
    assert items_of(chosen) == [["b", "a", "a"], ["a", "b"]]
    assert chosen.rows.tolist() == [6, 7, 8, 1, 2]
    assert chosen.starts.tolist() == [sessions.starts[2], sessions.starts[0]]
    assert chosen.codes.dtype == np.int32


def test_a_subset_can_be_empty() -> None:
    none = handmade("a b").subset([])
    assert len(none) == 0
    assert none.catalogue == ()
    assert none.offsets.tolist() == [0]


def test_recoding_drops_unknown_items_and_then_short_sessions() -> None:
    # GIVEN sessions, some of which will lose events, and one that is short already
    sessions = handmade("a x b", "x a", "b c c", "a")
    # WHEN they are recoded to a catalogue without x, in another order
    recoded = sessions.recoded(("c", "b", "a", "unused"))
    # THEN events of x are dropped, then the sessions with one event left
    assert recoded.ids == ["s0", "s2"]
    assert items_of(recoded) == [["a", "b"], ["b", "c", "c"]]
    assert [recoded.session(0).tolist(), recoded.session(1).tolist()] == [[2, 1], [1, 0, 0]]
    assert recoded.rows.tolist() == [1, 3, 6, 7, 8]


def test_recoding_to_other_items_leaves_no_session() -> None:
    recoded = handmade("a b", "b c").recoded(("x",))
    assert len(recoded) == 0
    assert recoded.catalogue == ("x",)


def test_the_digest_does_not_depend_on_the_catalogue() -> None:
    sessions = handmade("a b", "b c")
    other = sessions.recoded(("z", "c", "b", "a"))
    assert other.codes.tolist() != sessions.codes.tolist()
    assert other.digest == sessions.digest


def test_the_digest_depends_on_items_times_and_cuts() -> None:
    # Sessions that differ in an item, in a time, in the end of a session, or in an id
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
    assert len(digests) == 5


def test_the_digest_never_changes_between_releases() -> None:
    # Manifests of published versions name their training data by it.
    assert handmade("a b", "b c").digest == "2b880b5de8e7785389f78cd1e2a8fc7f5383a20792ea20916e312431bb8005f0"

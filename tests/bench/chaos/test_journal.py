"""Recovery is judged by what ended after the fault."""

from bench.chaos.journal import Call, Journal
from nextitem.service.schema import ServedBy


def journal(*calls: tuple[float, ServedBy]) -> Journal:
    made = Journal()
    for ended, served_by in calls:
        made.add(Call("visitor", (), ended - 0.1, ended, 200, served_by))
    return made


def test_answers_from_before_the_end_of_a_fault_are_no_recovery() -> None:
    calls = journal((1.0, "session"), (2.0, "session"), (3.0, "session"))
    assert calls.newest_are_from_the_session(3, since=1.0)
    assert calls.newest_are_from_the_session(2, since=1.5)
    assert not calls.newest_are_from_the_session(3, since=1.5)
    assert not calls.newest_are_from_the_session(4, since=0.0)


def test_an_answer_without_the_session_begins_the_count_again() -> None:
    calls = journal((1.0, "session"), (2.0, "popular"), (3.0, "session"))
    assert calls.newest_are_from_the_session(1, since=0.0)
    assert not calls.newest_are_from_the_session(2, since=0.0)

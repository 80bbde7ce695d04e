"""Answer a stored session: by one model, or in an interleaving experiment by two."""

from nextitem.service.answer_parts import SessionAnswer, recorded_ranking, recorded_replay
from nextitem.service.listing import recommendations
from nextitem.service.ranking import ReplayedSession
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import ParsedOptions
from nextitem.sessions.session import SessionRecord, Snapshot
from nextitem.telemetry.record import RequestRecord


def answer_session(
    routed: RoutedModel, session: SessionRecord, parsed: ParsedOptions, record: RequestRecord, *, at_least: int = 1
) -> SessionAnswer:
    """Replay a session, rank, and record durations, `served_by` and scores.

    Args:
        routed: the model that answers.
        session: the session, with the snapshot of `routed.snapshot_version`.
        parsed: the request's options.
        record: the request's measurements.
        at_least: how many items to return if the options ask for fewer.
    """
    if routed.interleaved is not None:
        from nextitem.service.interleaving import interleaved_answer  # imported lazily: see there

        return interleaved_answer(routed, routed.interleaved, session, parsed, record)
    replay = recorded_replay(routed, session, record)
    ranking = recorded_ranking(routed, replay, parsed, record, at_least=at_least)
    best = recommendations(routed, ranking, parsed.options, replay)
    return SessionAnswer(ranking.served_by, best, replay.replayed, _snapshot(session, replay))


def _snapshot(session: SessionRecord, replay: ReplayedSession) -> Snapshot | None:
    """Return the snapshot of a replayed session; None if the model knows none of its items."""
    return None if replay.hidden is None else Snapshot(session.log[-1].chain, replay.hidden)

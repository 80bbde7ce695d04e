"""Answer a session from two models: both replay its log and rank by the request's rules, then the lists are drafted.

Imported lazily: only an experiment of the kind `interleaving` needs it (decision 38).
"""

from collections.abc import Hashable, Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from nextitem.service.answer_parts import SessionAnswer
from nextitem.service.listing import recommendations
from nextitem.service.ranking import Ranking, ReplayedSession, rank_as_wished, replay_session
from nextitem.service.schema import Recommendation, ServedBy
from nextitem.service.serving import Interleaved, RoutedModel
from nextitem.service.steering.parsed_options import ParsedOptions, diversity_of
from nextitem.service.team_draft import TEAMS, Candidate, Drafted, Quota, draft
from nextitem.sessions.session import IMPRESSION_SIZE, SessionRecord, Snapshot
from nextitem.telemetry.record import RequestRecord

_LONGER = 2
"""How much longer than the answer the lists are: a quota, or a promotion in the other list, takes items away."""


def interleaved_answer(
    routed: RoutedModel,
    interleaved: Interleaved,
    session: SessionRecord,
    parsed: ParsedOptions,
    record: RequestRecord,
) -> SessionAnswer:
    """Return an answer that a challenger and its champion draft; see `session_answer.answer_session`.

    Args:
        routed: the challenger. The answer counts as its.
        interleaved: the champion, and the salt of the coin.
        session: the session, with events; its snapshot is that of both models.
        parsed: the request's options.
        record: the request's measurements.
    """
    sides = (interleaved.champion, routed)
    with record.phase("replay"):
        replays = [replay_session(side, half) for side, half in zip(sides, _halves(session, sides), strict=True)]
    record.set_replayed(max(replay.replayed for replay in replays))
    options, places = parsed.options, max(parsed.options.limit, IMPRESSION_SIZE)
    with record.phase("scoring"):
        diversities = [diversity_of(options.diversity, side.items) for side in sides]
        k = _LONGER * places
        rankings = [rank_as_wished(side, replay, parsed, k) for side, replay in zip(sides, replays, strict=True)]
        lists = [_candidates(side, ranking) for side, ranking in zip(sides, rankings, strict=True)]

        def values_of(item_id: str) -> Sequence[Hashable]:
            for side, diversity in zip(sides, diversities, strict=True):
                index = side.items.index(item_id)
                if diversity is not None and index is not None:
                    return diversity.values_of(index)
            return ()

        listed = {item.item_id for candidates in lists for item in candidates}
        pins = {pin.place: pin.item_id for pin in options.pin if pin.item_id in listed}
        quota = Quota(None if diversities[0] is None else diversities[0].max, values_of)
        seed = session.log[-1].chain

        def begins(number: int) -> bool:
            return _champion_begins(interleaved.salt, seed, number)

        drafted = draft((lists[0], lists[1]), places, begins, pins, quota)
    served_by: ServedBy = "popular" if any(each.served_by == "popular" for each in rankings) else "session"
    record.set_served_by(served_by, routed.version, routed.variant)
    return SessionAnswer(
        served_by,
        _listed(drafted, sides, rankings, replays, parsed),
        max(replay.replayed for replay in replays),
        _snapshot(session, replays),
        "".join(item.team for item in drafted),
    )


def _halves(session: SessionRecord, sides: Sequence[RoutedModel]) -> list[SessionRecord]:
    """Return the session with the snapshot of each model: half of the stored one, if that fits both."""
    stored, sizes = session.snapshot, [side.model.manifest.model.state_size for side in sides]
    if stored is None or stored.hidden.size != sum(sizes):
        return [msgspec.structs.replace(session, snapshot=None) for _ in sides]
    states = np.split(stored.hidden, [sizes[0]])
    return [msgspec.structs.replace(session, snapshot=Snapshot(stored.chain, hidden)) for hidden in states]


def _snapshot(session: SessionRecord, replays: Sequence[ReplayedSession]) -> Snapshot | None:
    """Return the snapshot of both models; None if one knows none of the items, and so has no state."""
    states = [replay.hidden for replay in replays if replay.hidden is not None]
    return Snapshot(session.log[-1].chain, np.concatenate(states)) if len(states) == len(replays) else None


def _candidates(side: RoutedModel, ranking: Ranking) -> list[Candidate]:
    return [Candidate(side.items.item_id(item.index), ranking.placements.get(item.index)) for item in ranking.items]


def _champion_begins(salt: str, seed: bytes, number: int) -> bool:
    """Toss the coin of a round: the same for the same session, however often it is asked."""
    return bool(blake2b(seed + number.to_bytes(2), digest_size=1, key=salt.encode()).digest()[0] & 1)


def _listed(
    drafted: Sequence[Drafted],
    sides: Sequence[RoutedModel],
    rankings: Sequence[Ranking],
    replays: Sequence[ReplayedSession],
    parsed: ParsedOptions,
) -> list[Recommendation]:
    """Return the items as clients see them, each with score and explanation of the model whose team drafted it."""
    found: dict[str, Recommendation] = {}
    pinned = {item.item_id for item in drafted if item.team not in TEAMS}
    for team, side, ranking, replay in zip(TEAMS, sides, rankings, replays, strict=True):
        own = {item.item_id for item in drafted if item.team == team} | (pinned - found.keys())
        items = [item for item in ranking.items if side.items.item_id(item.index) in own]
        part = Ranking(ranking.served_by, items, ranking.placements)
        found |= {item.item_id: item for item in recommendations(side, part, parsed.options, replay)}
    return [found[item.item_id] for item in drafted]

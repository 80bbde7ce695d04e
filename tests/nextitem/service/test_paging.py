"""The next page of an answer repeats nothing, and follows in the same order."""

import tracemalloc
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devstack.services.valkey import Valkey
from nextitem.errors import RequestError
from nextitem.ids import MAX_ID_CHARS, id_fault
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.service.schema import (
    MAX_CURSOR_CHARS,
    MAX_SHOWN,
    Answer,
    ItemsBody,
    ListOptions,
    cursor_after,
    parse,
    shown_before,
)
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.service import Service, items

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).filter(lambda text: not id_fault(text))


@pytest.fixture
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


def pages(ask: Callable[..., Answer], **options: Any) -> list[Answer]:
    """Every page, from the first to the last."""
    answers = [ask(**options)]
    while answers[-1].next is not None:
        answers.append(ask(**options, after=answers[-1].next))
    return answers


def forged(text: bytes) -> str:
    return urlsafe_b64encode(zlib.compress(text, wbits=-zlib.MAX_WBITS)).rstrip(b"=").decode()


def raises_422(after: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(b'{"after": "%b"}' % after.encode(), ListOptions)
    assert (caught.value.status, caught.value.field) == (422, "after")


@pytest.mark.slow
@pytest.mark.parametrize("limit", [33, 200])
def test_the_pages_are_the_whole_ranking(service: Service, model: Model, me: str, limit: int) -> None:
    # GIVEN a session, and the same events without one
    service.append(me, A, B)
    asked: list[Callable[..., Answer]] = [
        lambda **options: service.get(me, **options),
        lambda **options: service.append(me, A, B, **options),
        lambda **options: service.recommend(A, B, **options),
        lambda **options: service.similar(A, **options),
        service.recommend,
    ]
    for ask in asked:
        # WHEN all pages are read
        answers = pages(ask, limit=limit)
        ranked = [item for answer in answers for item in answer.recommendations]

        # THEN each item comes once, best first, and the first ones are those of one long answer
        scores = [item.score for item in ranked]
        assert len({item.item_id for item in ranked}) == len(ranked) >= len(model.vocabulary) - 1
        assert scores == sorted(scores, reverse=True)
        whole = ask(limit=200).recommendations
        assert [item.item_id for item in ranked[:200]] == [item.item_id for item in whole]
        # the last bit of a score depends on its place in a vector
        assert scores[:200] == pytest.approx([item.score for item in whole], abs=2e-6)
        assert all(len(answer.recommendations) == limit for answer in answers[:-1])


@pytest.mark.slow
def test_nothing_is_repeated_if_the_session_has_changed(service: Service, me: str) -> None:
    first = service.append(me, A, limit=20)
    second = service.append(me, B, limit=20, after=first.next)
    third = service.get(me, limit=20, after=second.next)
    shown = [*items(first), *items(second), *items(third)]
    assert len(set(shown)) == 60
    assert items(service.append(me, B, limit=20)) != items(second)


def test_other_options_hold_on_every_page(service: Service) -> None:
    only = items(service.recommend(A, limit=30))
    answers = pages(lambda **options: service.recommend(A, **options), limit=4, only=only, exclude=only[:3])
    assert [item for answer in answers for item in items(answer)] == only[3:]


@given(st.lists(ids, min_size=1, max_size=MAX_SHOWN, unique=True))
@settings(deadline=None, max_examples=50)
@example([f"tea-{place:03}" for place in range(MAX_SHOWN)])
def test_a_cursor_holds_the_items_before_it(shown: list[str]) -> None:
    cursor = cursor_after(shown)
    if cursor is None:
        return
    assert len(cursor) <= MAX_CURSOR_CHARS
    assert shown_before(cursor) == shown
    parsed = parse(b'{"exclude": ["x"], "after": "%b"}' % cursor.encode(), ItemsBody)
    assert (parsed.after, parsed.exclude) == (cursor, ["x", *shown])


def test_a_cursor_that_would_be_too_deep_or_too_long_is_none() -> None:
    assert cursor_after([str(place) for place in range(MAX_SHOWN)]) is not None
    assert cursor_after([str(place) for place in range(MAX_SHOWN + 1)]) is None
    assert cursor_after([chr(0x4E00 + place) * MAX_ID_CHARS for place in range(MAX_SHOWN)]) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a\n\nb",
        b"null",
        b"\xff",
        b"\n".join(b"%d" % place for place in range(MAX_SHOWN + 1)),
    ],
    ids=["empty", "an empty id", "no id", "no text", "too many"],
)
def test_a_forged_cursor_is_refused(text: bytes) -> None:
    raises_422(forged(text))


@pytest.mark.parametrize("change", [" {}", "{}=", "{}!", "{}é", "{}\n", "_{}", "{}A"])
def test_a_cursor_that_did_not_come_as_it_was_sent_is_refused(change: str) -> None:
    cursor = cursor_after(["tea-001", "tea-002"])
    assert cursor is not None
    changed = {change.format(cursor), change.format(cursor[:3]) + cursor[3:], cursor.swapcase()}
    for each in changed:
        with pytest.raises(RequestError, match="not the `next` of an answer"):
            shown_before(each)


def test_a_cursor_that_would_unpack_to_a_huge_text_takes_little_memory() -> None:
    lines = 4_000_000
    cursor = forged(b"\n" * lines)
    assert len(cursor) <= MAX_CURSOR_CHARS
    tracemalloc.start()
    try:
        raises_422(cursor)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * lines


@given(st.text(st.sampled_from("abcXYZ019-_= \u00e9%"), max_size=40))
@settings(deadline=None)
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    raises_422(text)


def test_a_cut_or_longer_cursor_is_refused() -> None:
    cursor = cursor_after([A, B, C])
    assert cursor is not None
    for wrong in (cursor[:-1], cursor[:-4], cursor + "AAAA", "A" + cursor, "A" * (MAX_CURSOR_CHARS + 1)):
        raises_422(wrong)

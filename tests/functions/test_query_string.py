"""Query strings become documents like bodies."""

from typing import Any

import pytest

from nextitem.errors import RequestError
from query_string import parse_query


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("", {}),
        ("limit=5", {"limit": "5"}),
        ("limit=", {"limit": ""}),
        ("limit=5&limit=7", {"limit": ["5", "7"]}),
        ("exclude=a&exclude=b", {"exclude": ["a", "b"]}),
        ("exclude=a,b&exclude=a%2Cb", {"exclude": ["a,b", "a,b"]}),
        ("exclude=", {"exclude": [""]}),
        ("only=a&only=c&exclude=b", {"only": ["a", "c"], "exclude": ["b"]}),
        ("exclude[]=a&exclude%5B%5D=b", {"exclude": ["a", "b"]}),
        ("only[0]=a&only[1]=b&exclude=c", {"only": ["a", "b"], "exclude": ["c"]}),
        ("only[a]=b&limit[]=5", {"only[a]": "b", "limit[]": "5"}),
        ("fields=title&fields=price,eur", {"fields": ["title", "price,eur"]}),
        ("filter=%7B%22price%22%3A%7B%22lt%22%3A5%7D%7D", {"filter": {"price": {"lt": 5}}}),
        ("pin=[]&diversity=null&boost=3", {"pin": [], "diversity": None, "boost": 3}),
        ("filter={}&filter={}", {"filter": ["{}", "{}"]}),
        ("exclude=caf%C3%A9+noir&exclude_seen=true", {"exclude": ["café noir"], "exclude_seen": "true"}),
    ],
)
def test_a_query_string_is_read_like_a_body(query: str, document: dict[str, Any]) -> None:
    assert parse_query(query) == document


def test_a_query_string_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(RequestError) as caught:
        parse_query("exclude=%FF")
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "price<5", "[" * 5000, "1e999"])
def test_a_parameter_that_must_be_json_is_refused_if_it_is_not(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_query(f"limit=5&filter={text}")
    assert (caught.value.status, caught.value.field) == (422, "filter")

"""Which requests need the attributes of the route's catalogue."""

from typing import Any

import msgspec
import pytest

from nextitem.service.schema import RankingOptions, TrendingOptions, parse
from nextitem.service.steering.parsed_options import needs_attributes

A, B = "board-001", "care-024"


@pytest.mark.parametrize(
    ("wanted", "needs"),
    [
        ({}, False),
        ({"filter": {"price": 1}}, True),
        ({"fields": ["price"]}, True),
        ({"diversity": {"field": "price", "max": 1}}, True),
        ({"diversity": {"mmr": 0.5}}, False),
        ({"boost": [{"filter": {"price": 1}, "factor": 2}]}, True),
        ({"promote": [{"filter": {"price": 1}, "share": 0.5}]}, True),
        ({"promote": [{"items": [A], "share": 0.5}]}, False),
        ({"pin": [{"item_id": A, "place": 1}], "explain": True, "only": [A], "exclude": [B]}, False),
    ],
)
def test_a_request_needs_attributes_where_it_names_one(wanted: dict[str, Any], needs: bool) -> None:
    body = msgspec.json.encode(wanted)
    assert needs_attributes(parse(body, RankingOptions)) == needs
    if not {"promote", "pin"} & wanted.keys():
        assert needs_attributes(parse(body, TrendingOptions)) == needs
        assert needs_attributes(parse(msgspec.json.encode(wanted | {"category": "tea"}), TrendingOptions))

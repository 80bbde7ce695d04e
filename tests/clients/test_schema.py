"""The types of the Python client are those of the service."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

import nextitem_client.calls
import nextitem_client.schema as client
from nextitem.service import schema as service


def fields(struct: Any) -> dict[str, bool]:
    """Return the names of a struct's fields, and whether each is required."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("name", ["Answer", "Recommendation", "AppendedEvent", "ServedModel", "Health", "Problem"])
def test_an_answer_has_the_fields_of_the_service(name: str) -> None:
    ours = getattr(client, name)
    assert fields(ours).keys() == fields(getattr(service, name)).keys()


@pytest.mark.parametrize(
    ("struct", "options", "own"),
    [
        (service.RankingOptions, client.RankingOptions, {"deadline_ms"}),
        (service.SteeredOptions, client.SteeredOptions, {"deadline_ms"}),
        (service.TrendingOptions, client.TrendingOptions, {"deadline_ms"}),
        (service.EventsBody, client.AppendOptions, {"deadline_ms", "events", "sent_at"}),
    ],
)
def test_the_options_are_those_of_the_service_but_what_the_client_sets_itself(
    struct: Any, options: Any, own: set[str]
) -> None:
    assert get_type_hints(options).keys() == fields(struct).keys() - own
    assert own <= fields(struct).keys()


@pytest.mark.parametrize(
    ("struct", "option"),
    [
        (service.BoostBody, client.Boost),
        (service.PromotionBody, client.Promotion),
        (service.DiversityBody, client.Diversity),
        (service.PinBody, client.Pin),
    ],
)
def test_a_part_of_an_option_has_the_fields_of_the_service(struct: Any, option: Any) -> None:
    expected = fields(struct)
    assert {name: name in option.__required_keys__ for name in get_type_hints(option)} == expected


def test_an_event_has_the_fields_of_the_service() -> None:
    assert fields(client.Event).keys() == fields(service.EventBody).keys()


def test_limits_are_those_of_the_service() -> None:
    assert client.MAX_EVENTS == service.MAX_EVENTS
    assert nextitem_client.calls.MAX_DEADLINE_MS == service.MAX_DEADLINE_MS


@pytest.mark.parametrize(
    ("values", "struct"),
    [
        (service.EventStatus, client.AppendedEvent),
        (service.ServedBy, client.Answer),
        (service.Reason, client.Recommendation),
    ],
)
def test_the_values_of_a_text_are_documented(values: Any, struct: Any) -> None:
    assert [value for value in get_args(values) if f"``{value}``" not in struct.__doc__] == []

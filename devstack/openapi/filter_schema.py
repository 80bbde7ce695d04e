"""The schema of a filter, by hand: the service reads it against a catalogue's columns, not by a struct."""

from typing import Any

from nextitem.catalogue.filters import LAST, MAX_CONDITIONS, MAX_VALUES

FILTER = "Filter"
"""The title by which the service's structs name a filter."""
_FILTER = {"type": "object", "description": "A filter.", "minProperties": 1, "additionalProperties": True}
"""A filter inside another one. No reference, which tools would expand without end: schemathesis' phase of coverage
takes more than half a minute for one operation with such a schema, and 2 seconds with this one."""
_FILTERS = {"type": "array", "items": _FILTER, "minItems": 1, "maxItems": MAX_CONDITIONS}
_TEXT_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_VALUE = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
_CONDITION = {
    "title": "FilterCondition",
    "description": (
        "What a column must be: a value, or an object. A `strings` column must contain the value. Times are ISO 8601."
    ),
    "anyOf": [
        *_VALUE["anyOf"],
        {
            "type": "object",
            "properties": {
                "in": {"type": "array", "items": _VALUE, "minItems": 1, "maxItems": MAX_VALUES},
                **dict.fromkeys(("gt", "gte", "lt", "lte"), _TEXT_OR_NUMBER),
                "same_as": {"const": LAST, "type": "string"},
                "missing": {"type": "boolean"},
            },
            "additionalProperties": False,
            "minProperties": 1,
        },
    ],
}
FILTER_SCHEMAS: dict[str, dict[str, Any]] = {
    FILTER: {
        "title": FILTER,
        "description": "True of an item if all its keys are. Any other key is a column of the catalogue.",
        "type": "object",
        "properties": {"not": _FILTER, "all": _FILTERS, "any": _FILTERS, "named": {"type": "string"}},
        "additionalProperties": {"$ref": "#/components/schemas/FilterCondition"},
        "minProperties": 1,
    },
    "FilterCondition": _CONDITION,
}

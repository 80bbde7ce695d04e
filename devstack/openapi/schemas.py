"""The schemas of the API's documents: those of the service's structs, in OpenAPI's dialect, with the page's texts."""

import inspect
from typing import Any

import msgspec

from devstack.openapi import api_page
from devstack.openapi.filter_schema import FILTER, FILTER_SCHEMAS
from devstack.openapi.patterns import ID, PATH_ITEM_ID, SESSION_ID, TIME, ecma
from nextitem.ids import ID_PATTERN, MAX_ID_CHARS
from nextitem.service import schema
from nextitem.service.event_times import TIME_PATTERN, Time

Schema = dict[str, Any]
REQUESTS: tuple[type[msgspec.Struct], ...] = (
    schema.EventsBody, schema.EventBody, schema.ItemsBody,
    schema.BoostBody, schema.PromotionBody, schema.DiversityBody, schema.PinBody,
)  # fmt: skip
ANSWERS: tuple[type[msgspec.Struct], ...] = (
    schema.Answer, schema.AppendedEvent, schema.Recommendation, schema.ServedModel, schema.Health, schema.Problem,
)  # fmt: skip
_PREFIXES: dict[type[msgspec.Struct], str] = {
    schema.EventBody: "events[].",
    schema.BoostBody: "boost[].",
    schema.PromotionBody: "promote[].",
    schema.DiversityBody: "diversity.",
    schema.PinBody: "pin[].",
    schema.AppendedEvent: "events[].",
    schema.Recommendation: "recommendations[].",
}
"""The fields of these structs have a row of their own in the page's tables, with their path."""
_REFERENCE = "#/components/schemas/{name}"
_NULL = {"type": "null"}
_GATEWAY_MESSAGE = {
    "title": "GatewayMessage",
    "description": "The answer of API Gateway itself, where a request does not reach the service.",
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
}


def reference(name: str) -> Schema:
    """Return a reference to a schema of `components`."""
    return {"$ref": _REFERENCE.format(name=name)}


def components() -> dict[str, Schema]:
    """Return every schema by its name."""
    _, schemas = msgspec.json.schema_components((*REQUESTS, *ANSWERS), ref_template=_REFERENCE)
    for kind in (*REQUESTS, *ANSWERS):
        schemas[kind.__name__] = _with_texts(kind, schemas[kind.__name__])
    named = {name: _shared(document) for name, document in schemas.items()}
    ids = {
        "Id": _id("An id of an item, an event or a recommendation.", ID),
        "SessionId": _id("An id of the caller's choice for a session; in the path, percent-encoded once.", SESSION_ID),
    }
    ids["PathItemId"] = _id("An item's id; in the path, percent-encoded once.", PATH_ITEM_ID)
    return {**ids, "Time": _time(), **FILTER_SCHEMAS, **named, "GatewayMessage": _GATEWAY_MESSAGE}


def query_parameters(kind: type[msgspec.Struct]) -> list[tuple[str, Schema]]:
    """Return name and schema of each field of a struct that a query string fills. A query has no null."""
    described = _with_texts(kind, msgspec.json.schema_components((kind,), ref_template=_REFERENCE)[1][kind.__name__])
    return [(name, _shared(_without_null(field))) for name, field in described["properties"].items()]


def _with_texts(kind: type[msgspec.Struct], document: Schema) -> Schema:
    """Return a struct's schema with the texts of the page and null where the service reads it."""
    is_request = kind in REQUESTS or issubclass(kind, schema.ListOptions)
    described = api_page.texts("field", "") if is_request else api_page.texts("field of the answer", "")
    prefix = _PREFIXES.get(kind, "")
    optional = _or_null if is_request else _without_null
    properties = {}
    for name, field in document["properties"].items():
        text = described.get(prefix + name)
        kept = field if name in document["required"] else optional(field)
        properties[name] = {**kept, "description": text} if text else kept
    return {**document, "description": inspect.cleandoc(kind.__doc__ or ""), "properties": properties}


def _or_null(field: Schema) -> Schema:
    """Return the schema of an optional field of a request, where null means the same as no field."""
    if _NULL in field.get("anyOf", []):
        return field
    default = {"default": field["default"]} if "default" in field else {}
    return {"anyOf": [{key: value for key, value in field.items() if key != "default"}, _NULL], **default}


def _without_null(field: Schema) -> Schema:
    """Return the schema of an optional field that is left out where it does not apply."""
    rest = {key: value for key, value in field.items() if key != "anyOf" and (key, value) != ("default", None)}
    kinds = [kind for kind in field.get("anyOf", []) if kind != _NULL]
    return {**rest, "anyOf": kinds} if len(kinds) > 1 else {**rest, **(kinds[0] if kinds else {})}


def _shared(document: Any) -> Any:
    """Replace the schemas of ids and times by references; write other types that may be null as a list.

    Patterns become those of ECMA-262.
    """
    if isinstance(document, list):
        return [_shared(element) for element in document]
    if not isinstance(document, dict):
        return document
    if document.get("title") == FILTER or document.get("pattern") == ID_PATTERN:
        name = FILTER if "title" in document else "Id"
        return {**reference(name), **{key: document[key] for key in ("description",) if key in document}}
    if any(kind.get("pattern") == TIME_PATTERN for kind in document.get("anyOf", [])):
        others = [kind for kind in document["anyOf"] if kind == _NULL]
        return {**document, "anyOf": [reference("Time"), *others]}
    shared = {key: _shared(value) for key, value in document.items()}
    if isinstance(pattern := shared.get("pattern"), str):
        shared["pattern"] = ecma(pattern)
    if "enum" in shared:
        shared = {"type": "string", **shared}
    match shared:
        case {"anyOf": [{"type": str(name)} as kind, {"type": "null"}], **rest} if "enum" not in kind:
            shared = {**kind, **rest, "type": [name, "null"]}
    return shared


def _id(description: str, pattern: str) -> Schema:
    return {"description": description, "type": "string", "pattern": pattern, "minLength": 1, "maxLength": MAX_ID_CHARS}


def _time() -> Schema:
    kinds = msgspec.json.schema(Time)["anyOf"]
    return {
        "description": "RFC 3339 text (UTC without a zone), or epoch seconds to nanoseconds.",
        "anyOf": [{**kind, "pattern": TIME} if "pattern" in kind else kind for kind in kinds],
    }

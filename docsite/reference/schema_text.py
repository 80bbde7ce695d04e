"""Schemas of JSON Schema 2020-12 in words, as far as docs/openapi.json uses them."""

from typing import Any

import msgspec

from docsite.reference.markdown import code, table

Node = dict[str, Any]
LONGEST_PATTERN = 50
"""Characters. A longer pattern says less than the description does."""


def type_text(schema: Node) -> str:
    """Return the type: a link to a type of the page, values, or words.

    Raises:
        ValueError: the schema has a form that this module does not know.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(code(msgspec.json.encode(value).decode()) for value in schema["enum"])
    if "const" in schema:
        return code(msgspec.json.encode(schema["const"]).decode())
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(type_text, alternatives))
    kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
    return " or ".join(_kind(kind, schema) for kind in kinds)


def _kind(kind: str | None, schema: Node) -> str:
    match kind:
        case "array":
            return f"array of {type_text(schema['items'])}"
        case "object" if isinstance(schema.get("additionalProperties"), dict) and "properties" not in schema:
            return f"object of {type_text(schema['additionalProperties'])}"
        case "string" | "integer" | "number" | "boolean" | "null" | "object":
            return kind
        case _:
            raise ValueError(f"docsite/reference/schema_text.py has no words for the schema {schema}")


def with_limits(schema: Node) -> str:
    """Return the type, and what else a value must keep to."""
    found = [type_text(schema), _range(schema, "minimum", "maximum", "")]
    found.append(_range(schema, "minItems", "maxItems", "elements"))
    found.append(_range(schema, "minLength", "maxLength", "characters"))
    if pattern := schema.get("pattern"):
        found.append(code(pattern) if len(pattern) <= LONGEST_PATTERN else "with a pattern (openapi.json)")
    return ", ".join(filter(None, found))


def _range(schema: Node, lowest: str, highest: str, unit: str) -> str:
    low, high = schema.get(lowest), schema.get(highest)
    if low is None and high is None:
        return ""
    text = f"at most {high}" if low is None else f"at least {low}" if high is None else f"{low} to {high}"
    return f"{text} {unit}".strip()


def fields_table(schema: Node) -> str:
    """Return the fields of an object."""
    required = schema.get("required", [])
    rows = [
        (code(name), with_limits(field), _default(name in required, field), field.get("description", ""))
        for name, field in schema["properties"].items()
    ]
    return table(("field", "type", "without it", "meaning"), rows)


def _default(is_required: bool, field: Node) -> str:
    if is_required:
        return "required"
    return code(msgspec.json.encode(field["default"]).decode()) if "default" in field else ""

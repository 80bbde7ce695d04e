"""The HTTP API: each operation and each type of docs/openapi.json."""

from typing import Any

import msgspec

from devstack.openapi.document import PATH
from docsite.reference.markdown import code, plain, sentence, table
from docsite.reference.schema_text import fields_table, type_text, with_limits

Node = dict[str, Any]


def page() -> str:
    """Return a section for each operation, then one for each type."""
    document: Node = msgspec.json.decode(PATH.read_bytes())
    components = document["components"]
    operations = [
        _operation(f"{method.upper()} {path}", operation, components["responses"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    types = [_type(name, schema) for name, schema in components["schemas"].items()]
    return "\n\n".join(["## Operations", *operations, "## Types", *types])


def _operation(key: str, operation: Node, shared: Node) -> str:
    parts = [f"### {key}", f"{sentence(operation['summary'])} In direct invokes: {code(operation['operationId'])}."]
    if parameters := operation.get("parameters"):
        rows = [
            (
                code(parameter["name"]),
                parameter["in"],
                _parameter_type(parameter),
                parameter.get("description", ""),
            )
            for parameter in parameters
        ]
        parts.append(table(("parameter", "in", "type", "meaning"), rows))
    if body := operation.get("requestBody"):
        ((kind, content),) = body["content"].items()
        needed = "" if body["required"] else ", optional"
        parts.append(f"**Body** ({code(kind)}{needed}): {type_text(content['schema'])}.")
        parts += [_example(name, example["value"]) for name, example in content["examples"].items()]
    parts += ["**Answers**", _answers(operation["responses"], shared)]
    return "\n\n".join(parts)


def _parameter_type(parameter: Node) -> str:
    if "schema" in parameter:
        return with_limits(parameter["schema"])
    ((kind, content),) = parameter["content"].items()
    return f"{type_text(content['schema'])} as {code(kind)}"


def _answers(responses: Node, shared: Node) -> str:
    rows = []
    for status, response in responses.items():
        described = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
        kinds = [type_text(content["schema"]) for content in described.get("content", {}).values()]
        rows.append((status, sentence(described["description"]), " or ".join(kinds)))
    return table(("status", "when", "type"), rows)


def _type(name: str, schema: Node) -> str:
    text = " ".join(schema.get("description", "").replace("``", "`").split())
    body = fields_table(schema) if "properties" in schema else sentence(with_limits(schema))
    return "\n\n".join(filter(None, (f"### {name}", text, body)))


def _example(name: str, value: object) -> str:
    shown = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"Example {plain(name.replace('_', ' '))}:\n\n```json\n{shown}\n```"

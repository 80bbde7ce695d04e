"""Generate the OpenAPI 3.1 document from the service's structs, docs/api.md and events/."""

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from devstack.openapi import api_page, schemas
from devstack.openapi.schemas import Schema, reference
from nextitem.service import schema
from query_string import DOCUMENTS

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "openapi.json"
JSON = "application/json"
PROBLEM = "application/problem+json"

BODIES: dict[str, type[schema.RankingOptions]] = {
    "append_events": schema.EventsBody,
    "recommend": schema.ItemsBody,
}
QUERIES: dict[str, type[schema.ListOptions]] = {
    "get_recommendations": schema.RankingOptions,
    "similar": schema.SteeredOptions,
    "trending": schema.TrendingOptions,
}
ANSWERS: dict[str, type[msgspec.Struct] | None] = {
    "append_events": schema.Answer,
    "get_recommendations": schema.Answer,
    "delete_session": None,
    "recommend": schema.Answer,
    "similar": schema.Answer,
    "trending": schema.Answer,
    "health": schema.Health,
}
"""What each operation takes and returns; None: no content."""
_ANSWER_EXAMPLES: dict[str, str] = {"append_events": "answer", "health": "health_answer"}
_PATH_IDS = {"session_id": "SessionId", "item_id": "PathItemId"}
"""The schema of each variable of a path."""
_SESSION = {"session_id": "$request.path.session_id"}
_IN_SESSION = {name: (name, _SESSION) for name in ("append_events", "get_recommendations", "delete_session")}
_SIMILAR = {"similar": ("similar", {"item_id": "$response.body#/recommendations/0/item_id"})}
_AFTER = {"after": "$response.body#/next"}
LINKS: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "append_events": {**_IN_SESSION, **_SIMILAR},
    "get_recommendations": {
        **_IN_SESSION,
        **_SIMILAR,
        "next_page": ("get_recommendations", {**_SESSION, **_AFTER}),
    },
    "delete_session": _IN_SESSION,
    "recommend": _SIMILAR,
    "similar": {**_SIMILAR, "next_page": ("similar", {"item_id": "$request.path.item_id", **_AFTER})},
}
"""Calls that may follow an operation's answer, by a name: the operation, and where its parameters come from."""
_BY_GATEWAY = {401, 429, 431}
"""Statuses that only API Gateway answers with."""
_BY_SERVICE = {404, 405, 422}
"""Statuses that only the service answers with; with the others, either does."""
_HEADERS = {
    405: {"allow": {"description": "The methods that the path accepts.", "schema": {"type": "string"}}},
    503: {"retry-after": {"description": "Seconds.", "schema": {"type": "string"}}},
}
_SECURITY = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "AWS Signature Version 4 of the service `execute-api`: the default of a deployment.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the issuer that the deployment's parameter `JwtIssuer` names.",
    },
}


def generate() -> dict[str, Any]:
    """Return the document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    paths: dict[str, Any] = {}
    for key, operation, summary in api_page.table("route", "operation (direct invoke)", "does"):
        method, path = key.strip("`").split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(f"{method} {path}", operation.strip("`"), summary)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": project["name"],
            "version": project["version"],
            "summary": project["description"],
            "description": "The page docs/api.md explains ids, times, forms of requests and seen items.",
            "license": {"name": project["license"], "identifier": project["license"]},
        },
        "servers": [
            {"url": "/", "description": "The host that serves this document, such as devstack"},
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "description": "A deployment: the stack's output `ApiUrl`",
                "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "eu-central-1"}},
            },
        ],
        "security": [{name: []} for name in _SECURITY],
        "paths": paths,
        "components": {"schemas": schemas.components(), "responses": _refusals(), "securitySchemes": _SECURITY},
    }


def encode() -> bytes:
    """Return the document as text of JSON, as it is kept in `PATH`."""
    return msgspec.json.format(msgspec.json.encode(generate()), indent=2) + b"\n"


def _operation(key: str, operation: str, summary: str) -> dict[str, Any]:
    path = key.split(" ")[1]
    payloads = _payloads(key)
    document: dict[str, Any] = {
        "operationId": operation,
        "tags": [path.split("/")[2]],
        "summary": summary,
    }
    parameters = _path_parameters(path, payloads) + _query_parameters(operation, payloads)
    if parameters:
        document["parameters"] = parameters
    if operation in BODIES:
        shown = {"shortest": api_page.examples()[operation]}
        shown |= {name: msgspec.json.decode(payload["body"]) for name, payload in payloads.items()}
        examples = {name: {"value": value} for name, value in shown.items()}
        body = {"schema": reference(BODIES[operation].__name__), "examples": examples}
        document["requestBody"] = {"required": operation == "append_events", "content": {JSON: body}}
    document["responses"] = _responses(operation, has_variable="{" in path)
    return document


def _payloads(key: str) -> dict[str, dict[str, Any]]:
    """Return the payloads of events/ that take a route, by their names."""
    files = sorted((ROOT / "events").glob("*.json"))
    payloads = {file.stem: msgspec.json.decode(file.read_bytes()) for file in files}
    return {name: payload for name, payload in payloads.items() if payload.get("routeKey") == key}


def _path_parameters(path: str, payloads: dict[str, dict[str, Any]]) -> list[Schema]:
    shown = next(iter(payloads.values())).get("pathParameters", {})
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": reference(_PATH_IDS[name]),
            "example": shown[name],
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(operation: str, payloads: dict[str, dict[str, Any]]) -> list[Schema]:
    kind = QUERIES.get(operation)
    if kind is None:
        return []
    values = parse_qs(next(iter(payloads.values()))["rawQueryString"])
    is_list = {name: field.get("type") == "array" for name, field in schemas.query_parameters(kind)}
    text = {name: value if is_list[name] else value[0] for name, value in values.items()}
    shown = msgspec.to_builtins(msgspec.convert(text, kind, strict=False))
    parameters = []
    for name, field in schemas.query_parameters(kind):
        description = {"description": field.pop("description")} if "description" in field else {}
        example = {"example": shown[name]} if name in text else {}
        form = {"content": {JSON: {"schema": field}}} if name in DOCUMENTS else {"schema": field}
        parameters.append({"name": name, "in": "query", **description, **form, **example})
    return parameters


def _responses(operation: str, *, has_variable: bool) -> dict[str, Any]:
    answer = ANSWERS[operation]
    headers = {"cache-control": {"schema": {"const": "no-store"}}}
    if answer is None:
        responses: dict[str, Any] = {"204": {"description": "The session is gone.", "headers": headers}}
    else:
        content: dict[str, Any] = {"schema": reference(answer.__name__)}
        if operation in _ANSWER_EXAMPLES:
            content["example"] = api_page.examples()[_ANSWER_EXAMPLES[operation]]
        responses = {"200": {"description": "The answer.", "headers": headers, "content": {JSON: content}}}
    if operation in LINKS:
        (success,) = responses.values()
        success["links"] = {
            name: {"operationId": target, "parameters": parameters}
            for name, (target, parameters) in LINKS[operation].items()
        }
    for name in _refusals():
        if {"404": has_variable, "405": has_variable, "413": operation in BODIES}.get(name, True):
            responses[name] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _refusals() -> dict[str, dict[str, Any]]:
    """Return the response of each status of the page's table, by the status."""
    rows = api_page.table("status", "when")
    return {status: _refusal(int(status), text) for statuses, text in rows for status in statuses.split(", ")}


def _refusal(status: int, text: str) -> dict[str, Any]:
    problem: dict[str, Any] = {"schema": reference(schema.Problem.__name__)}
    if status == (shown := api_page.examples()["problem"])["status"]:
        problem["example"] = shown
    content = {PROBLEM: problem, JSON: {"schema": reference("GatewayMessage")}}
    if status in _BY_GATEWAY:
        del content[PROBLEM]
    if status in _BY_SERVICE:
        del content[JSON]
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return {"description": text, **headers, "content": content}

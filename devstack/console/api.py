"""The JSON API of the shop's and the console's pages, under one prefix. Only devstack has it, on loopback."""

import asyncio
import http
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import redis
from aiohttp import web

from devstack.console import faults
from devstack.console.backend import Backend
from devstack.console.drift import Measuring
from devstack.console.experiments import Start
from devstack.console.guard import guarded
from devstack.processes.errors import StackError
from nextitem.errors import InputError, NextItemError, NotJudged, RouteConflict, VersionNotFound
from nextitem.ids import id_fault
from nextitem.sessions.codec import Unreadable

PREFIX = "/devstack/api"
MAX_BODY_BYTES = 1 << 16
MAX_REASONS = 50
MAX_ITEMS = 200

_Body = TypeVar("_Body")
Answer = Callable[[web.Request], Awaitable[Any]]


class NotFound(Exception):
    """What the request asks for does not exist; the text says what."""


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that gets all traffic, and whether it gets it without a passing verdict, too."""

    version: str
    force: bool = False


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a POST that says all by its path: a rollback restores what the route had before."""


def api_routes(backend: Backend) -> list[web.RouteDef]:
    """Return the routes of the API; `backend` must be attached to a stack before the first request."""

    async def shop(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.shop_view)

    async def call(request: web.Request) -> Any:
        if (found := backend.calls.time_of(request.match_info["name"])) is None:
            raise NotFound("no such call, or it is forgotten")
        return found

    async def session(request: web.Request) -> Any:
        return await asyncio.to_thread(backend.session_view, _session_id(request))

    async def why(request: web.Request) -> Any:
        limit, version = request.query.get("limit", "12"), request.query.get("version", "")
        if not limit.isdecimal() or not 1 <= int(limit) <= MAX_REASONS:
            raise ValueError(f"limit must be 1 to {MAX_REASONS}")
        return await asyncio.to_thread(backend.why, _session_id(request), version, int(limit))

    async def replay(request: web.Request) -> Any:
        return await asyncio.to_thread(backend.replay, _session_id(request), request.query.get("version"))

    async def item(request: web.Request) -> Any:
        return await asyncio.to_thread(backend.item, request.match_info["item_id"])

    async def catalogue(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.catalogues.view)

    async def attributes(request: web.Request) -> Any:
        item_ids = request.query.getall("item_id", [])
        if len(item_ids) > MAX_ITEMS:
            raise ValueError(f"at most {MAX_ITEMS} item ids")
        return await asyncio.to_thread(backend.catalogues.attributes, item_ids)

    async def rollback_catalogue(request: web.Request) -> Any:
        await _body(request, Nothing)
        return await asyncio.to_thread(backend.catalogues.rollback)

    async def figures(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.figures, time.time())

    async def registry(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.models.view)

    async def promote(request: web.Request) -> Any:
        promotion = await _body(request, Promotion)
        return await asyncio.to_thread(backend.models.promote, promotion.version, force=promotion.force)

    async def rollback(request: web.Request) -> Any:
        await _body(request, Nothing)
        return await asyncio.to_thread(backend.models.rollback)

    async def experiments(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.experiments.view)

    async def start_experiment(request: web.Request) -> Any:
        return await asyncio.to_thread(backend.experiments.start, await _body(request, Start))

    async def look(request: web.Request) -> Any:
        await _body(request, Nothing)
        return await asyncio.to_thread(backend.experiments.look)

    async def stop_experiment(request: web.Request) -> Any:
        await _body(request, Nothing)
        return await asyncio.to_thread(backend.experiments.stop)

    async def drift(_request: web.Request) -> Any:
        return await asyncio.to_thread(backend.drift.view)

    async def measure_drift(request: web.Request) -> Any:
        return await asyncio.to_thread(backend.drift.measure, await _body(request, Measuring))

    async def store(_request: web.Request) -> Any:
        return await asyncio.to_thread(faults.store_state, backend.stack)

    async def set_store(request: web.Request) -> Any:
        return await asyncio.to_thread(faults.set_store, backend.stack, await _body(request, faults.StoreFault))

    return [
        _get("shop", shop),
        _get("calls/{name}", call),
        _get("sessions/{session_id}", session),
        _get("sessions/{session_id}/why", why),
        _get("sessions/{session_id}/replay", replay),
        _get("items/{item_id}", item),
        _get("catalogue", catalogue),
        _get("attributes", attributes),
        _post("catalogue/rollback", rollback_catalogue),
        _get("figures", figures),
        _get("registry", registry),
        _post("promote", promote),
        _post("rollback", rollback),
        _get("experiments", experiments),
        _post("experiments/start", start_experiment),
        _post("experiments/look", look),
        _post("experiments/stop", stop_experiment),
        _get("drift", drift),
        _post("drift/measure", measure_drift),
        _get("store", store),
        _post("store", set_store),
    ]


def _get(path: str, answer: Answer) -> web.RouteDef:
    return web.get(f"{PREFIX}/{path}", guarded(_answered(answer)))


def _post(path: str, answer: Answer) -> web.RouteDef:
    return web.post(f"{PREFIX}/{path}", guarded(_answered(answer)))


def _answered(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        status, document = await _outcome(answer, request)
        return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")

    return handle


async def _outcome(answer: Answer, request: web.Request) -> tuple[int, Any]:
    """Return the status and the document of an answer; an expected error has a `detail` in one sentence."""
    try:
        return http.HTTPStatus.OK, await answer(request)
    except redis.RedisError:
        return http.HTTPStatus.SERVICE_UNAVAILABLE, {"detail": "the session store does not answer"}
    except EXPECTED as error:
        status = next(status for kind, status in _STATUS_OF if isinstance(error, kind))
        return status, {"detail": str(error)}


_STATUS_OF: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, http.HTTPStatus.NOT_FOUND),
    (VersionNotFound, http.HTTPStatus.NOT_FOUND),
    (RouteConflict, http.HTTPStatus.CONFLICT),
    (NotJudged, http.HTTPStatus.CONFLICT),
    (InputError, http.HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unreadable, http.HTTPStatus.BAD_GATEWAY),
    (ValueError, http.HTTPStatus.UNPROCESSABLE_ENTITY),
    (msgspec.DecodeError, http.HTTPStatus.UNPROCESSABLE_ENTITY),
    (NextItemError, http.HTTPStatus.BAD_GATEWAY),
    (StackError, http.HTTPStatus.BAD_GATEWAY),
)
"""The first kind that an error is of decides."""
EXPECTED = tuple(kind for kind, _ in _STATUS_OF)


async def _body(request: web.Request, kind: type[_Body]) -> _Body:
    data = await request.content.read(MAX_BODY_BYTES)
    return msgspec.json.decode(data, type=kind)


def _session_id(request: web.Request) -> str:
    session_id = request.match_info["session_id"]
    if fault := id_fault(session_id):
        raise ValueError(f"the session id {fault}")
    return session_id

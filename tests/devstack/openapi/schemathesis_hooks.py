"""Hooks of schemathesis: leave out requests whose refusal says nothing about the document."""

from typing import Any
from urllib.parse import unquote

import schemathesis
from schemathesis.generation import GenerationMode

from nextitem.errors import RequestError
from nextitem.service.schema.paging import shown_before

NOT_IN_A_SCHEMA = ("filter", "boost", "promote", "diversity", "pin", "fields", "category")
"""Options that must fit a catalogue or each other: no schema says which do."""


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: Any) -> bool:
    """Return whether to send a request.

    Not one whose session id has a ``?`` or a ``%``: API Gateway cuts a path at an encoded ``?`` and decodes it twice,
    so such a request arrives as one for another session or path. The function cannot see the difference.

    Not one with a text as cursor that no answer has given: JSON Schema cannot describe cursors. Those of answers come
    by the document's links.
    """
    session_id = unquote(str((case.path_parameters or {}).get("session_id", "")))
    parts = (part for part in (case.query, case.body) if isinstance(part, dict))
    return not {"?", "%"} & set(session_id) and all(_may_be_sent(part.get("after")) for part in parts)


def _may_be_sent(cursor: object) -> bool:
    if not isinstance(cursor, str):
        return True
    try:
        shown_before(cursor)
    except RequestError:
        return False
    return True


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: Any, **_options: Any) -> None:
    """Take these options out of a request that fits the document: the service would refuse most of them."""
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        for part in (case.body, case.query):
            if isinstance(part, dict):
                for name in NOT_IN_A_SCHEMA:
                    part.pop(name, None)

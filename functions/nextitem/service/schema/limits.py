"""Limits and simple types of requests."""

from typing import Annotated

import msgspec

from nextitem.event_types import LABEL_PATTERN
from nextitem.ids import ID_PATTERN
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.session import WINDOW

MAX_BODY_BYTES = 256 * 1024
MAX_EVENTS = WINDOW
"""The maximum of events, or of items, in one request."""
MAX_EXCLUDED = 500
MAX_ONLY = 1000
"""The maximum of candidates that one request may have ranked."""
DEFAULT_LIMIT = 20
MAX_CATEGORY_CHARS = 1000
MAX_SHOWN = 1000
"""The maximum of items on the pages before one."""
MAX_CURSOR_CHARS = 6000
"""The maximum length of a cursor: API Gateway takes 10,240 bytes of path, query and headers together."""
MAX_DEADLINE_MS = 10_000

Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Label = Annotated[str, msgspec.Meta(pattern=LABEL_PATTERN)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOP)]
DeadlineMs = Annotated[int, msgspec.Meta(ge=1, le=MAX_DEADLINE_MS)]
Excluded = Annotated[list[Id], msgspec.Meta(max_length=MAX_EXCLUDED)]
Explore = Annotated[float, msgspec.Meta(ge=0, le=1)]
Category = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CATEGORY_CHARS)]
Cursor = Annotated[str, msgspec.Meta(max_length=MAX_CURSOR_CHARS)]
Candidates = Annotated[list[Id], msgspec.Meta(max_length=MAX_ONLY)]

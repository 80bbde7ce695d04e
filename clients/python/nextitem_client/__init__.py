"""Client of nextitem: session-based next-item recommendation.

Example:
    ``Client(url, auth=BearerToken(token)).append_events("me", [Event("tea-001")]).recommendations``
"""

from nextitem_client.async_client import AsyncClient
from nextitem_client.auth import BearerToken, SigV4
from nextitem_client.client import Client
from nextitem_client.delivery import Delivery
from nextitem_client.errors import (
    NoAnswer,
    NotAuthorized,
    NotStored,
    Refused,
    RequestFailed,
    Unavailable,
    UnexpectedAnswer,
)
from nextitem_client.event_queue import EventQueue
from nextitem_client.exchange import Retries
from nextitem_client.schema import Answer, AppendedEvent, Event, Health, Problem, Recommendation, ServedModel

__all__ = [
    "Answer",
    "AppendedEvent",
    "AsyncClient",
    "BearerToken",
    "Client",
    "Delivery",
    "Event",
    "EventQueue",
    "Health",
    "NoAnswer",
    "NotAuthorized",
    "NotStored",
    "Problem",
    "Recommendation",
    "Refused",
    "RequestFailed",
    "Retries",
    "ServedModel",
    "SigV4",
    "Unavailable",
    "UnexpectedAnswer",
]

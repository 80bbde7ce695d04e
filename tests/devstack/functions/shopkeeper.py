"""A toy that answers like the API: it recommends the request's item, and some items fail."""

import json
from typing import Any

BAD_ITEMS = {"broken": 503, "refused": 422}


def handler(event: Any, _context: Any) -> Any:
    """Recommend ``next-to-X`` and ``X`` after a view of X; after another event also its type."""
    request = json.loads(event["body"])
    item_id, event_type = request["events"][0]["item_id"], request["events"][0]["type"]
    if item_id in BAD_ITEMS:
        return {"statusCode": BAD_ITEMS[item_id], "body": "{}"}
    recommendations = [{"item_id": f"next-to-{item_id}", "score": 2.0}, {"item_id": item_id, "score": 1.0}]
    if event_type != "view":
        recommendations.append({"item_id": event_type, "score": 0.5})
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"served_by": "session", "recommendations": recommendations[: request["limit"]]}),
    }

"""The serving library: what the Lambda handlers share.

It knows no Lambda event and nothing offline. Read `recommender` first: one request, top to bottom.
"""

import time

LOADING_SINCE = time.perf_counter()
"""When this process began to import the library: the start of a cold start's import phase."""

DEFAULT_ROUTE, DEFAULT_REGION = "live", "us-east-1"
"""Of settings that are needed before any others are read (`s3_prefetch`); see `settings`."""

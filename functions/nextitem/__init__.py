"""The serving library that the Lambda handlers share. Start reading at `service.recommender`: it serves a request."""

import time

LOADING_SINCE = time.perf_counter()
"""When this process began to import the library: the start of the import phase of a cold start."""

DEFAULT_ROUTE, DEFAULT_REGION = "live", "us-east-1"
"""Defaults of two settings. `s3_prefetch` needs them before `settings` is imported."""
DEFAULT_STACK = "nextitem"
"""Default of the setting `stack`."""

"""The serving library: what the Lambda handlers share.

It knows no Lambda event and nothing offline. Read `recommender` first: one request, top to bottom.
"""

import time

LOADING_SINCE = time.perf_counter()
"""When this process began to import the library: the start of a cold start's import phase."""

"""A function whose init fails: it imports a missing module."""

import there_is_no_such_module  # type: ignore[import-not-found]

handler = there_is_no_such_module.handler

"""Importing this starts to fetch the model, so it is imported before what takes long. Knows only that there is one."""

import gc

gc.disable()  # nothing of what is imported now is garbage, and looking for it takes 10 ms; `environment` enables it

from nextitem.aws.s3_prefetch import Early  # noqa: E402 - see above

_EARLY = Early()

from nextitem.registry.loading import HeadStart  # noqa: E402 - the bucket answers while this is imported

HEAD_START = HeadStart(_EARLY)

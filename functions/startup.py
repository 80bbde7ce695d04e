"""Start the reads of a cold start before the libraries are imported. Import this module first.

In this order, which `bench/function/cold_start.py` measures:

1. The garbage collector is off until `finish`: the imports make no garbage, and looking for it takes 10 ms.
2. Threads read the route, which catalogue it uses, its availability and the last good copy of that from S3. This needs
   obstore only.
3. Meanwhile settings and registry are imported; threads fetch the models that the route names, and their
   joins with its catalogue.
4. Meanwhile ONNX Runtime is imported, before the rest, so that the models can be opened while the rest is imported.
"""

import gc
import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nextitem.aws.object_store import ObstoreReader
    from nextitem.background_call import BackgroundCall
    from nextitem.registry.loading import LoadedRoute
    from nextitem.registry.reader import Registry
    from nextitem.settings import Settings


class Startup(NamedTuple):
    """Settings of a process, its bucket and registry, and the models that are being loaded from there."""

    settings: "Settings"
    bucket: "ObstoreReader"
    registry: "Registry"
    models: "BackgroundCall[LoadedRoute]"


def begin() -> Startup:
    """Start reading from S3, then import the slow libraries.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    gc.disable()
    from nextitem.aws.s3_prefetch import Prefetch

    prefetch = Prefetch()

    from nextitem.aws.object_store import ObstoreReader
    from nextitem.background_call import BackgroundCall
    from nextitem.registry.loading import load_route
    from nextitem.registry.reader import Registry
    from nextitem.settings import Settings

    settings = Settings.read()
    bucket = ObstoreReader(settings.bucket, region=settings.region, endpoint=settings.s3_endpoint, prefetch=prefetch)
    registry = Registry(bucket, settings.model_dir)
    models = BackgroundCall(lambda: load_route(registry, settings.route), "the models")

    importlib.import_module("nextitem.model.onnx_runtime")
    return Startup(settings, bucket, registry, models)


def finish() -> None:
    """Turn the garbage collector on again, for objects created from now on only."""
    gc.enable()
    gc.freeze()


_begun = [begin()]


def take() -> Startup:
    """Return this process's `Startup`, once: a second reference would keep the first models after a route change."""
    return _begun.pop()

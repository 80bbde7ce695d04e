"""Say where the types of events are not those that a model was trained with."""

from collections.abc import Iterator

from model_export.data.sessions import Sessions
from nextitem.event_types import VIEW
from nextitem.model.manifest import Manifest


def unlike_types(test: Sessions, version: str, manifest: Manifest) -> Iterator[str]:
    """Yield a sentence if the events have other types than the model was trained with."""
    known = manifest.types
    if known and test.types == (VIEW,):
        yield (
            f"{version} was trained with types of events ({', '.join(known)}), but all events here are views: "
            "name the column of their types with --type-column"
        )
    elif strange := [name for name in test.types if len(test.types) > 1 and name not in known]:
        yield f"{version} does not know events of the type {', '.join(strange)}: they count as views"

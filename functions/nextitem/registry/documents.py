"""Decode the registry's JSON documents, each of which says its schema."""

from typing import TypeVar

import msgspec

from nextitem.errors import ArtifactUnsupported, RegistryError
from nextitem.model.manifest import DECODE_ERRORS, SchemaOnly

_Document = TypeVar("_Document")


def decode_document(data: bytes, key: str, kind: type[_Document], newest: int, meaning: str) -> _Document:
    """Decode a document.

    Args:
        data: the document.
        key: its key, for errors.
        kind: its type.
        newest: the newest schema that this code reads.
        meaning: says what the object should be, for errors: "a route".

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is no such document.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
        if schema > newest:
            raise ArtifactUnsupported(f"{key} has schema {schema}; this code reads up to {newest}")
        return msgspec.json.decode(data, type=kind)
    except DECODE_ERRORS as error:
        raise RegistryError(f"{key} is not {meaning}: {error}") from None

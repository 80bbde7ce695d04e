"""Bodies of requests to S3: their declared hash, and chunks with a checksum in the trailer (``aws-chunked``).

Source: "Authenticating Requests (AWS Signature Version 4)" and "Checking object integrity" of the S3 documentation.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

UNSIGNED = "UNSIGNED-PAYLOAD"
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_CHECKSUM = "x-amz-checksum-"
_SIZE = re.compile(rb"[0-9a-fA-F]+")

_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


class PayloadError(ValueError):
    """A body that does not keep what its headers or its trailer promise, or whose form is not modelled."""


@dataclass(frozen=True)
class Chunks:
    """A decoded body of ``Content-Encoding: aws-chunked``.

    Attributes:
        data: the object.
        trailer: headers after the last chunk, by lower-case name.
    """

    data: bytes
    trailer: Mapping[str, str]


def decode_chunks(body: bytes) -> Chunks:
    """Return the data and the trailer of a body in chunks without signatures.

    Raises:
        PayloadError: the body is not in this form, or ends too early.
    """
    data: list[bytes] = []
    place = 0
    while True:
        line, end, _ = body[place : place + 32].partition(b"\r\n")
        if not end or not _SIZE.fullmatch(line):
            raise PayloadError(f"aws-chunked: byte {place} does not begin a chunk")
        size = int(line, 16)
        start = place + len(line) + 2
        if size == 0:
            return Chunks(b"".join(data), _parse_trailer(body[start:]))
        if body[start + size : start + size + 2] != b"\r\n":
            raise PayloadError(f"aws-chunked: the chunk at byte {place} does not end after {size} bytes")
        data.append(body[start : start + size])
        place = start + size + 2


def _parse_trailer(text: bytes) -> dict[str, str]:
    if text != b"\r\n" and not text.endswith(b"\r\n\r\n"):
        raise PayloadError("aws-chunked: the trailer is not complete")
    trailer = {}
    for line in text.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if line and not colon:
            raise PayloadError(f'aws-chunked: the trailer has the line "{line}"')
        if line:
            trailer[name.strip().lower()] = value.strip()
    return trailer


def check_chunks(chunks: Chunks, headers: Mapping[str, str]) -> None:
    """Check the length and the checksum of decoded chunks.

    Args:
        chunks: of the body.
        headers: of the request, by lower-case name: ``x-amz-decoded-content-length`` and ``x-amz-trailer``.

    Raises:
        PayloadError: one of them is wrong, missing, or of an algorithm that is not modelled.
    """
    if headers.get("x-amz-decoded-content-length") != str(len(chunks.data)):
        raise PayloadError(f"x-amz-decoded-content-length is not {len(chunks.data)}")
    promised = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()}
    if promised != chunks.trailer.keys():
        raise PayloadError(f"x-amz-trailer promises {sorted(promised)}, the trailer has {sorted(chunks.trailer)}")
    check_checksums(chunks.data, chunks.trailer)


def check_checksums(data: bytes, headers: Mapping[str, str]) -> None:
    """Check every ``x-amz-checksum-*`` header of an object.

    Raises:
        PayloadError: a checksum is wrong, or of an algorithm that is not modelled.
    """
    for name, value in headers.items():
        algorithm = name.removeprefix(_CHECKSUM)
        if not name.startswith(_CHECKSUM) or algorithm in {"algorithm", "type", "mode"}:
            continue
        digest = _DIGESTS.get(algorithm)
        if digest is None:
            raise PayloadError(f"{name} is not modelled; modelled are {sorted(_DIGESTS)}")
        if base64.b64encode(digest(data)).decode() != value:
            raise PayloadError(f"The {algorithm.upper()} you specified did not match the calculated checksum.")

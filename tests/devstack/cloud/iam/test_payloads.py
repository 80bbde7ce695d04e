"""Bodies in chunks, as botocore writes them, are decoded and checked."""

import io

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from devstack.cloud.iam.payloads import PayloadError, check_checksums, check_chunks, decode_chunks
from tests.nextitem.parts import STEADY

BODY = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
HEADERS = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}


@STEADY
@given(st.binary(max_size=300), st.integers(1, 100))
def test_botocores_chunks_are_decoded(data: bytes, chunk_size: int) -> None:
    name = "x-amz-checksum-crc32"
    wrapper = AwsChunkedWrapper(io.BytesIO(data), Crc32Checksum, name, chunk_size=chunk_size)
    chunks = decode_chunks(wrapper.read())
    assert chunks.data == data
    check_chunks(chunks, {"x-amz-decoded-content-length": str(len(data)), "x-amz-trailer": name})


def test_a_whole_body_is_accepted() -> None:
    check_chunks(decode_chunks(BODY), HEADERS)


@STEADY
@given(st.integers(0, len(BODY) - 1))
def test_a_body_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(PayloadError, match="aws-chunked"):
        decode_chunks(BODY[:end])


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (BODY.replace(b"hello", b"Hello"), HEADERS, "CRC32"),
        (BODY, {**HEADERS, "x-amz-decoded-content-length": "6"}, "x-amz-decoded-content-length"),
        (BODY, {**HEADERS, "x-amz-trailer": ""}, "x-amz-trailer"),
        (BODY.replace(b"x-amz-checksum-crc32:NhCmhg==\r\n", b""), HEADERS, "x-amz-trailer"),
        (BODY.replace(b"5\r\n", b"4\r\n"), HEADERS, "does not end after 4"),
        (BODY.replace(b"5\r\n", b"z\r\n"), HEADERS, "does not begin a chunk"),
        (BODY.replace(b"crc32:", b"crc32"), HEADERS, "has the line"),
    ],
)
def test_a_body_that_breaks_its_promise_is_refused(body: bytes, headers: dict[str, str], words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        check_chunks(decode_chunks(body), headers)


def test_checksums_in_headers_are_checked() -> None:
    right = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    check_checksums(b"hello", {"x-amz-checksum-sha256": right, "x-amz-checksum-mode": "ENABLED", "host": "s3"})
    with pytest.raises(PayloadError, match="SHA256"):
        check_checksums(b"Hello", {"x-amz-checksum-sha256": right})
    with pytest.raises(PayloadError, match="crc64nvme is not modelled"):
        check_checksums(b"hello", {"x-amz-checksum-crc64nvme": right})

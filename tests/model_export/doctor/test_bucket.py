"""Credentials, bucket and clock, with answers of S3 and STS that a test chooses."""

import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.common.loopback_http import LoopbackHttp
from model_export.doctor.bucket import check_bucket, check_clock, check_credentials, open_client
from model_export.doctor.finding import Finding, Status
from tests.model_export.doctor.examined import BUCKET
from tests.nextitem.parts import CREDENTIALS, REGION, STEADY

LISTING = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount></ListBucketResult>'
OK, FORBIDDEN = 200, 403


class AwsServer(LoopbackHttp):
    """Answers every request with one status, one document, and a clock that is ahead by some seconds."""

    def __init__(self, status: int, document: str, ahead: float = 0.0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response_only(status)
                self.send_header("Date", formatdate(time.time() + ahead, usegmt=True))
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document.encode())

            do_GET = do_POST = _answer  # noqa: N815 - names of the base class

        super().__init__(Handler)


def found(server: AwsServer) -> dict[str, Finding]:
    client = boto3.client("s3", endpoint_url=server.endpoint, region_name=REGION, **CREDENTIALS)
    try:
        return {finding.check: finding for finding in check_bucket(client, BUCKET)}
    finally:
        client.close()


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        ("AccessDenied", "refuses these credentials", "PublisherPolicy"),
        ("InvalidAccessKeyId", "does not know the access key", "new keys"),
        ("SignatureDoesNotMatch", "does not accept the secret key", "new keys"),
        ("ExpiredToken", "have expired", "aws sso login"),
        ("AuthorizationHeaderMalformed", "is in another region", "--region"),
        ("SlowDown", "SlowDown", ""),
    ],
)
@pytest.mark.slow
def test_each_refusal_of_s3_says_what_to_do(code: str, words: str, remedy: str) -> None:
    with AwsServer(FORBIDDEN, f"<Error><Code>{code}</Code><Message>no</Message></Error>") as server:
        findings = found(server)
    assert findings["bucket"].status == "fail"
    assert words in findings["bucket"].detail
    assert remedy in findings["bucket"].remedy
    # The clock is compared nevertheless: a refusal has a date, too
    assert findings["clock"].status == "ok"


@pytest.mark.parametrize(("ahead", "status"), [(0, "ok"), (-60, "warn"), (60, "warn"), (-1000, "fail"), (1000, "fail")])
def test_a_skewed_clock_is_found(ahead: float, status: Status) -> None:
    with AwsServer(OK, LISTING, ahead) as server:
        clock = found(server)["clock"]
    assert clock.status == status
    assert ("behind" in clock.detail) == (ahead > 0)
    assert ("NTP" in clock.remedy) == (status != "ok")


@STEADY
@given(st.floats(-5000, 5000), st.floats(0, 30))
def test_a_clock_is_never_blamed_for_a_slow_answer(skew: float, seconds: float) -> None:
    # GIVEN a server whose clock is ahead, asked at any point of a request
    now = 1_800_000_000.25
    date = formatdate(now + seconds / 2 + skew, usegmt=True)
    status = check_clock(date, now, now + seconds).status
    # THEN small differences are ok, and large ones are not
    if abs(skew) < 4:
        assert status == "ok"
    if abs(skew) > 7 + seconds / 2:
        assert status != "ok"
    assert (status == "fail") == (abs(skew) > 900) or abs(abs(skew) - 900) < 1


@pytest.mark.parametrize("date", [None, "", "soon"])
def test_an_answer_without_a_date_is_no_fault(date: str | None) -> None:
    assert check_clock(date, 0.0, 0.0).status == "warn"


def test_a_bucket_that_cannot_be_reached_is_named() -> None:
    with AwsServer(OK, LISTING) as server:
        endpoint = server.endpoint
    client = open_client(REGION, endpoint)
    try:
        [finding] = check_bucket(client, BUCKET)
    finally:
        client.close()
    assert (finding.check, finding.status) == ("bucket", "fail")
    assert "cannot be reached" in finding.detail


def test_versioning_that_is_off_is_a_warning() -> None:
    with AwsServer(OK, LISTING) as server:  # a document without a status
        versioning = found(server)["versioning"]
    assert (versioning.status, "put-bucket-versioning" in versioning.remedy) == ("warn", True)


def test_sts_refuses_expired_credentials(environment: pytest.MonkeyPatch) -> None:
    document = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>no</Message></Error></ErrorResponse>"
    with AwsServer(FORBIDDEN, document) as server:
        environment.setenv("AWS_ENDPOINT_URL_STS", server.endpoint)
        finding = check_credentials(REGION, None)
        assert (finding.status, finding.detail) == ("fail", "AWS refuses them: ExpiredToken")
    # An STS that cannot be reached refuses nothing
    assert check_credentials(REGION, None).status == "warn"


def test_a_profile_that_does_not_exist_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "absent")
    finding = check_credentials(REGION, None)
    assert (finding.status, "absent" in finding.detail) == ("fail", True)

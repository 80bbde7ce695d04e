"""Conditional writes and permissions of the registry."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from devstack.publish import demo_artifact
from model_export.doctor.finding import Finding
from model_export.doctor.registry import check_registry
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.writer import number_data, write_catalogue
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import CERTIFICATE, MANIFEST, encode_document
from nextitem.registry.catalogue_pointer import catalogue_key, join_key
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import model_key
from nextitem.registry.route import Route, Variant, route_key
from tests.model_export.doctor.examined import BUCKET
from tests.nextitem.parts import CREDENTIALS, REGION, remade

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = model_key(demo_artifact().name, MANIFEST)


def test_a_service_that_ignores_conditions_is_found_and_nothing_is_lost(
    s3: "S3Client", bucket: BotoObjectStore
) -> None:
    # GIVEN an S3 service that does not know If-None-Match
    def forget_condition(request: Any, **_more: Any) -> None:
        del request.headers["If-None-Match"]

    client = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, region_name=REGION, **CREDENTIALS)
    client.meta.events.register("before-sign.s3.PutObject", forget_condition)
    # WHEN its registry is checked
    findings = {finding.check: finding for finding in check_registry(BotoObjectStore(BUCKET, client), "live")}
    client.close()
    # THEN that is a failure, and the manifest is as it was
    assert findings["conditional writes"].status == "fail"
    manifest = (demo_artifact() / MANIFEST).read_bytes()
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == manifest
    # AND a service with conditions gets no new object
    before = len(s3.list_object_versions(Bucket=BUCKET)["Versions"])
    findings = {finding.check: finding for finding in check_registry(bucket, "live")}
    assert findings["conditional writes"].status == "ok"
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == before


def test_an_object_that_may_not_be_read_is_not_called_broken(s3: "S3Client", bucket: BotoObjectStore) -> None:
    # GIVEN credentials that may read models and routes only, as the stack's PublisherPolicy
    def deny(params: dict[str, str], **_more: Any) -> None:
        if params["Key"].startswith(("availability/", "catalogues/")):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    client = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, region_name=REGION, **CREDENTIALS)
    client.meta.events.register("provide-client-params.s3.GetObject", deny)
    # WHEN the registry is checked
    findings = {finding.check: finding for finding in check_registry(BotoObjectStore(BUCKET, client), "live")}
    client.close()
    # THEN availability and catalogue are not checked, and everything else is sound
    assert {check for check, finding in findings.items() if finding.status != "ok"} == {"availability", "catalogue"}
    for check in ("availability", "catalogue"):
        assert findings[check].status == "warn"
        assert "may not read it" in findings[check].detail


def test_a_version_that_answers_otherwise_than_at_export_is_found(
    s3: "S3Client", bucket: BotoObjectStore, tmp_path: Path
) -> None:
    # GIVEN a live version with another tenth golden session, under the right digests
    demo = demo_artifact()
    certificate = open_artifact(demo).certificate()
    golden = msgspec.structs.replace(certificate.sessions[9], scores=certificate.sessions[0].scores)
    sessions = (*certificate.sessions[:9], golden, *certificate.sessions[10:])
    tampered = encode_document(msgspec.structs.replace(certificate, sessions=sessions))
    version = Publisher(bucket).publish(remade(demo, tmp_path, {CERTIFICATE: tampered}))
    route = Route(2, (Variant("main", version, 1.0),), "2026-01-20T00:00:00+00:00")
    s3.put_object(Bucket=BUCKET, Key=route_key("live"), Body=msgspec.json.encode(route))
    # WHEN the registry is checked
    findings = {finding.check: finding for finding in check_registry(bucket, "live")}
    # THEN its certificate says so
    assert findings["versions"].status == "fail"
    assert "golden" in findings["versions"].detail


def test_availability_that_cannot_be_read_is_named(s3: "S3Client", bucket: BotoObjectStore, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="availability/live.json", Body=b"[]")
    findings = {finding.check: finding for finding in check_registry(bucket, "live")}
    assert findings["availability"].status == "fail"
    assert "availability/live.json" in findings["availability"].detail
    assert findings["versions"].status == "ok"


def test_the_catalogue_of_the_route_is_checked_with_its_joins(
    s3: "S3Client", bucket: BotoObjectStore, tmp_path: Path
) -> None:
    def checked() -> Finding:
        return next(finding for finding in check_registry(bucket, "live") if finding.check == "catalogue")

    # GIVEN a route without a catalogue, and then one with
    assert (checked().status, checked().detail) == ("ok", "route live uses none")
    write_catalogue(tmp_path / "c.bin", ["tea-001"], {"stock": number_data([3.0])}, {})
    version = CataloguePublisher(bucket, tmp_path).publish(tmp_path / "c.bin").version
    assert checked().detail == f"{version} has 1 items with 1 attributes; items are unavailable by stock"

    # WHEN its join is damaged, and then itself THEN each is found
    s3.put_object(Bucket=BUCKET, Key=join_key(version, demo_artifact().name), Body=b"damaged")
    assert (checked().status, "publish FILE` again" in checked().remedy) == ("fail", True)
    s3.put_object(Bucket=BUCKET, Key=catalogue_key(version), Body=b"damaged")
    assert (checked().status, "items rollback" in checked().remedy) == ("fail", True)

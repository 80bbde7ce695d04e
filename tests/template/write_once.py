"""Check that no role can replace an object that is written once.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from devstack.cloud.iam.policy import (
    Context,
    Decision,
    PolicyKind,
    Principal,
    Request,
    Statement,
    evaluate,
    parse_policy,
)
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import Stack
from model_export.drift.route import report_key
from model_export.experiments.records import look_key
from model_export.lake.records import DELETIONS, EVENTS, file_name
from model_export.retraining.result import result_key
from nextitem.model.manifest import FILES, MANIFEST
from nextitem.registry.catalogue_pointer import catalogue_key, join_key, pointer_history_key
from nextitem.registry.reader import model_key
from nextitem.registry.route import history_key
from tests.template.names import ACCOUNT, Names

MODEL, CATALOGUE = f"v{'0' * 16}", f"c{'0' * 16}"
BEGUN = "1769864400000-0"
"""Id of a stream's entry, of 31 January 2026."""
LAKE_FILE = file_name(EVENTS, 7, BEGUN, "parquet")
WRITE_ONCE = (
    "audit/live/20260131T130000.000000Z-stop.json",
    look_key("live", "e1", 1),
    history_key("live", 1),
    pointer_history_key("live", 1),
    catalogue_key(CATALOGUE),
    join_key(CATALOGUE, MODEL),
    *(model_key(MODEL, name) for name in (*FILES, MANIFEST)),
    report_key("live", datetime(2026, 1, 31, tzinfo=UTC)),
    result_key("shop-1"),
    LAKE_FILE,
    file_name(DELETIONS, 7, BEGUN, "json"),
)
"""One key of each kind of object that is never replaced."""
REWRITTEN = {(LAKE_FILE, "CompactRole"): "It takes deleted sessions out of a file that is still as it was read."}
"""Objects that a role may replace all the same, if they still have the entity tag with which they were read."""

_CREATING: Context = {"s3:ObjectCreationOperation": ("true",), "aws:SecureTransport": ("true",)}
PLAIN: Context = _CREATING
CREATE: Context = {**_CREATING, "s3:if-none-match": ("*",)}
READ: Context = {"aws:SecureTransport": ("true",)}
REPLACE: Context = {**_CREATING, "s3:if-match": ('"tag"',)}


def overwritable_objects(stack: Stack) -> list[str]:
    """Find roles that may replace an object that is written once."""
    return [
        f"{owner} may replace {key} {how}"
        for owner, policies in _owners(stack)
        for key in WRITE_ONCE
        for how, context in (("without a condition", PLAIN), ("with If-Match", REPLACE))
        if may_write(stack, policies, key, context) and not (context is REPLACE and (key, owner) in REWRITTEN)
    ]


def creators(stack: Stack, key: str) -> set[str]:
    """Return who may create an object with If-None-Match."""
    return {owner for owner, policies in _owners(stack) if may_write(stack, policies, key, CREATE)}


def readers(stack: Stack, key: str) -> set[str]:
    """Return who may read an object, and so its headers."""
    return {owner for owner, policies in _owners(stack) if _may(stack, policies, "s3:GetObject", key, READ)}


def may_write(stack: Stack, policies: tuple[Statement, ...], key: str, context: Context) -> bool:
    """Return whether a write to the bucket is allowed by a role's policies and by that of the bucket."""
    return _may(stack, policies, "s3:PutObject", key, context)


def _may(stack: Stack, policies: tuple[Statement, ...], action: str, key: str, context: Context) -> bool:
    bucket = resolve_value({"Fn::GetAtt": ["ModelBucket", "Arn"]}, Names())
    document = resolve_value(stack.resources["ModelBucketPolicy"]["Properties"]["PolicyDocument"], Names())
    of_bucket = parse_policy(document, PolicyKind.RESOURCE)
    caller = Principal(arn=ACCOUNT.iam_arn("role/caller"), account=ACCOUNT.id)
    request = Request(action, f"{bucket}/{key}", context, caller)
    return evaluate((*policies, *of_bucket), request) is Decision.ALLOW


def _owners(stack: Stack) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """Yield each role and each managed policy with its statements."""
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        yield name, parse_policy(resolve_value(policy["PolicyDocument"], Names()), source=name)
    for name, role in stack.of_type("AWS::IAM::Role").items():
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        yield (
            name,
            tuple(
                statement
                for document in documents
                for statement in parse_policy(resolve_value(document, Names()), source=name)
            ),
        )

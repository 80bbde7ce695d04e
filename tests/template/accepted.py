"""What Checkov finds in the stack and we accept, for each resource with the reason.

A rule is never skipped for all resources: a reason that holds for one function may be wrong for the next.
"""

from dataclasses import dataclass

SCHEDULED = ("CollectFunction", "CompactFunction", "DecideFunction", "DriftFunction")
RELEASING = ("PreTrafficFunction", "RotateSecretFunction")
SERVING = ("RecommendFunction", "ManagedRecommendFunction")


@dataclass(frozen=True)
class Accepted:
    """A rule of Checkov that some resources may break.

    Attributes:
        rule: its id.
        resources: their logical ids.
        reason: why.
    """

    rule: str
    resources: tuple[str, ...]
    reason: str


ACCEPTED: tuple[Accepted, ...] = (
    Accepted("CKV_AWS_18", ("ModelBucket",), "Access log of the bucket: accounts may use CloudTrail's data events."),
    Accepted(
        "CKV_AWS_111",
        ("RecommendRole", "CollectRole"),
        "* for X-Ray and network interfaces; tests/template/permissions.py lists each use.",
    ),
    Accepted("CKV_AWS_115", SERVING, "Reserved concurrency is a parameter, and managed instances have none."),
    Accepted("CKV_AWS_115", RELEASING, "They run once per release or rotation."),
    Accepted(
        "CKV_AWS_115",
        (*SCHEDULED, "StartCanaryFunction"),
        "A rule or the state machine starts one run at a time, and two at once do no harm: writes are conditional. A "
        "reservation would be taken from the account's limit, which new accounts have at 10.",
    ),
    Accepted("CKV_AWS_116", (*SERVING, "StartCanaryFunction"), "Dead letter queue: they are invoked synchronously."),
    Accepted("CKV_AWS_116", RELEASING, "CodeDeploy and Secrets Manager report a failed run, and repeat a rotation."),
    Accepted(
        "CKV_AWS_116",
        SCHEDULED,
        "The event of a schedule has nothing to keep: the next run does what a failed one has not done. Alarms tell.",
    ),
    Accepted("CKV_AWS_117", RELEASING, "VPC: they call only AWS."),
    Accepted(
        "CKV_AWS_117",
        ("CompactFunction", "DecideFunction", "DriftFunction", "StartCanaryFunction"),
        "They call only AWS, and never the session store.",
    ),
    Accepted("CKV_AWS_117", ("ManagedRecommendFunction",), "It gets its VPC from the capacity provider."),
    Accepted(
        "CKV_AWS_173",
        (*SERVING, *SCHEDULED, "PreTrafficFunction", "StartCanaryFunction"),
        "No environment variable contains a secret.",
    ),
)


def skips_of(logical_id: str) -> list[dict[str, str]]:
    """Return what Checkov is to skip for a resource, as its metadata says it."""
    return [{"id": each.rule, "comment": each.reason} for each in ACCEPTED if logical_id in each.resources]

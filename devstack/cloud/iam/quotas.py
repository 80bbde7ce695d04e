"""IAM's default quotas of policies: characters without white space.

Source: the IAM User Guide, "IAM and AWS STS quotas".
"""

import json
from collections.abc import Iterable
from typing import Any

from devstack.cloud.iam.patterns import PolicyError

MANAGED_CHARACTERS = 6144
"""Of one managed policy."""
INLINE_CHARACTERS = 10240
"""Of all inline policies of one role."""
TRUST_CHARACTERS = 2048
"""Of the trust policy of one role."""


def check_size(documents: Iterable[Any], limit: int, name: str) -> None:
    """Check that policies together have no more characters than their quota.

    Raises:
        PolicyError: they have more.
    """
    size = sum(len(json.dumps(document, separators=(",", ":"))) for document in documents)
    if size > limit:
        raise PolicyError(f"{name}: {size} characters without white space; the quota of IAM is {limit}")

"""Parameter values that the template refuses before it creates anything."""

from itertools import product

import pytest

from devstack.template.resolver import Resolver
from devstack.template.stack import Values, deployed, transformed

MANAGED: Values = {"ColdStartStrategy": "managed-instances"}
REFUSED: dict[str, tuple[Values, str]] = {
    "a schedule for SnapStart": ({"ColdStartStrategy": "snapstart", "ScheduledMinimum": 5}, "exclude it"),
    "a schedule for nothing": ({"ScheduledMinimum": 5}, "exclude it"),
    "reserved concurrency on managed instances": (
        {"ColdStartStrategy": "managed-instances", "ReservedConcurrency": 5},
        "ManagedMaxVcpus",
    ),
    "memory that is no multiple of its ratio": ({**MANAGED, "ManagedMemorySize": 6144}, "multiple of 4096 MB"),
    "memory that is no multiple of a large ratio": (
        {**MANAGED, "ManagedMemorySize": 12288, "ManagedMemoryPerVcpu": 8},
        "multiple of 8192 MB",
    ),
    "environments beyond the maximum": ({**MANAGED, "ManagedMemorySize": 16384}, "ManagedMaxVcpus 24 is enough"),
    "fewer vCPUs than AWS's instances have": ({**MANAGED, "ManagedMaxVcpus": 6}, "ManagedMaxVcpus may be"),
    "a large disk for SnapStart": ({"ColdStartStrategy": "snapstart", "EphemeralStorage": 1024}, "512 MB"),
    "two strategies": ({"ColdStartStrategy": "provisioned,snapstart"}, "ColdStartStrategy may be"),
    "an issuer without an audience": ({"JwtIssuer": "https://login.example.com/"}, "JwtIssuer needs JwtAudience"),
    "an audience without an issuer": ({"JwtAudience": "app"}, "JwtAudience needs JwtIssuer"),
    "an issuer in plain": ({"JwtIssuer": "http://login.example.com/", "JwtAudience": "app"}, "JwtIssuer must be like"),
    "learning without a lake": ({"Learning": "scheduled"}, "Learning needs LakeBuckets"),
    "a domain without a certificate": ({"DomainName": "api.example.com"}, "DomainName needs CertificateArn"),
    "a certificate without a domain": (
        {"CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/0"},
        "CertificateArn needs DomainName",
    ),
    "one zone": ({"AvailabilityZoneA": "eu-central-1a"}, "two zones, or neither"),
    "the other zone": ({"AvailabilityZoneB": "eu-central-1a"}, "two zones, or neither"),
    "a zone twice": (
        {"AvailabilityZoneA": "eu-central-1a", "AvailabilityZoneB": "eu-central-1a"},
        "two zones, or neither",
    ),
    "a region as a zone": ({"AvailabilityZoneA": "eu-central-1"}, "AvailabilityZoneA must be like"),
    "a release that outlasts a session": ({"DeploymentType": "Linear10PercentEvery10Minutes"}, "DeploymentType may be"),
    "pages of every origin": ({"CorsOrigins": "*"}, "CorsOrigins must be like"),
    "another engine": ({"StoreKind": "memcached"}, "StoreKind may be"),
    "another release": ({"DeploymentType": "Canary5Percent"}, "DeploymentType may be"),
    "a rotation that outruns sessions": ({"KeyRotationDays": 7}, "KeyRotationDays must be"),
}


@pytest.mark.parametrize(("values", "because"), REFUSED.values(), ids=REFUSED.keys())
def test_contradictory_parameters_are_refused(values: Values, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        deployed(values)


ENVIRONMENTS = 9
"""Three of each version: the old one, the new one, and $LATEST.PUBLISHED, which CloudFormation makes."""


def test_managed_environments_are_accepted_exactly_where_they_fit() -> None:
    # GIVEN every choice of memory, ratio and maximum
    template, _ = transformed()
    names = ("ManagedMemorySize", "ManagedMemoryPerVcpu", "ManagedMaxVcpus")
    choices = list(product(*(template["Parameters"][name]["AllowedValues"] for name in names)))

    # WHEN the template decides, THEN it accepts those whose vCPUs are whole and fit nine times
    accepted = {
        choice
        for choice in choices
        if not Resolver(template, {**MANAGED, **dict(zip(names, choice, strict=True))}).broken_rules()
    }
    assert accepted == {
        (memory, ratio, maximum)
        for memory, ratio, maximum in choices
        if memory % (1024 * ratio) == 0 and memory // 1024 // ratio * ENVIRONMENTS <= maximum
    }
    assert accepted


def test_rules_of_managed_instances_concern_them_only() -> None:
    deployed({"ManagedMemorySize": 32768, "ManagedMaxVcpus": 12})


def test_a_session_never_outlives_two_secrets() -> None:
    declared = deployed().values
    longest_life, shortest_turn = 2_592_000, 31 * 86_400

    assert longest_life < shortest_turn
    deployed({"SessionTtlSeconds": longest_life, "KeyRotationDays": 31})
    for beyond in ({"SessionTtlSeconds": longest_life + 1}, {"KeyRotationDays": 30}):
        with pytest.raises(ValueError, match="must be from"):
            deployed(beyond)
    assert int(declared["SessionTtlSeconds"]) < int(declared["KeyRotationDays"]) * 86_400

"""Parameter values that the template refuses before it creates anything."""

import pytest

from devstack.template.stack import Values, deployed

REFUSED: dict[str, tuple[Values, str]] = {
    "a schedule for SnapStart": ({"ColdStartStrategy": "snapstart", "ScheduledMinimum": 5}, "exclude it"),
    "a schedule for nothing": ({"ScheduledMinimum": 5}, "exclude it"),
    "reserved concurrency on managed instances": (
        {"ColdStartStrategy": "managed-instances", "ReservedConcurrency": 5},
        "ManagedMaxVcpus",
    ),
    "a large disk for SnapStart": ({"ColdStartStrategy": "snapstart", "EphemeralStorage": 1024}, "512 MB"),
    "two strategies": ({"ColdStartStrategy": "provisioned,snapstart"}, "ColdStartStrategy may be"),
    "an issuer without an audience": ({"JwtIssuer": "https://login.example.com/"}, "JwtIssuer needs JwtAudience"),
    "an audience without an issuer": ({"JwtAudience": "app"}, "JwtAudience needs JwtIssuer"),
    "an issuer in plain": ({"JwtIssuer": "http://login.example.com/", "JwtAudience": "app"}, "JwtIssuer must be like"),
    "a domain without a certificate": ({"DomainName": "api.example.com"}, "DomainName needs CertificateArn"),
    "a certificate without a domain": (
        {"CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/0"},
        "CertificateArn needs DomainName",
    ),
    "pages of every origin": ({"CorsOrigins": "*"}, "CorsOrigins must be like"),
    "another engine": ({"StoreKind": "memcached"}, "StoreKind may be"),
    "another release": ({"DeploymentType": "Canary5Percent"}, "DeploymentType may be"),
    "a rotation that outruns sessions": ({"KeyRotationDays": 7}, "KeyRotationDays must be"),
}


@pytest.mark.parametrize(("values", "because"), REFUSED.values(), ids=REFUSED.keys())
def test_contradictory_parameters_are_refused(values: Values, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        deployed(values)


def test_a_session_never_outlives_two_secrets() -> None:
    declared = deployed().values
    longest_life, shortest_turn = 2_592_000, 31 * 86_400

    assert longest_life < shortest_turn
    deployed({"SessionTtlSeconds": longest_life, "KeyRotationDays": 31})
    for beyond in ({"SessionTtlSeconds": longest_life + 1}, {"KeyRotationDays": 30}):
        with pytest.raises(ValueError, match="must be from"):
            deployed(beyond)
    assert int(declared["SessionTtlSeconds"]) < int(declared["KeyRotationDays"]) * 86_400

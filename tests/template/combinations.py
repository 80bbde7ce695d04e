"""Every combination of the parameters that change which resources are deployed."""

from itertools import product

from devstack.template.stack import Values

AUTH: dict[str, Values] = {
    "signed": {},
    "token": {
        "JwtIssuer": "https://login.example.com/",
        "JwtAudience": "app,site",
        "CorsOrigins": "https://shop.example.com",
    },
}
COLD: dict[str, Values] = {
    "none": {"ReservedConcurrency": 100},
    "provisioned": {"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10},
    "snapstart": {"ColdStartStrategy": "snapstart"},
    "managed-instances": {"ColdStartStrategy": "managed-instances"},
}
STORE: dict[str, Values] = {"serverless": {}, "nodes": {"StoreKind": "nodes"}}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/nextitem:1"
LEARNING: Values = {"Learning": "scheduled", "LakeBuckets": 256, "TrainingImage": IMAGE}
PROCESSOR: dict[str, Values] = {"x86_64": {}, "arm64": {"Architecture": "arm64"}}
MORE: dict[str, Values] = {
    "": {},
    # Two parts that share no resource are tried together: each part of its own would double the combinations.
    "domain-learning": {
        **LEARNING,
        "DomainName": "api.example.com",
        "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0",
    },
}

COMBINATIONS: dict[str, Values] = {
    "-".join(name for name, _ in choices if name): {
        key: value for _, values in choices for key, value in values.items()
    }
    for choices in product(AUTH.items(), COLD.items(), STORE.items(), PROCESSOR.items(), MORE.items())
}
"""By the name of a test."""

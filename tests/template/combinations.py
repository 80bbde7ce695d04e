"""Which choices of parameters are looked at: each of those that change what is deployed, with each other."""

from itertools import product

from tests.template.stack import Values

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
PROCESSOR: dict[str, Values] = {"x86_64": {}, "arm64": {"Architecture": "arm64"}}
DOMAIN: dict[str, Values] = {
    "": {},
    "domain": {
        "DomainName": "api.example.com",
        "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0",
    },
}

COMBINATIONS: dict[str, Values] = {
    "-".join(filter(None, names)): {name: value for one in (a, c, s, p, d) for name, value in one.items()}
    for (names, (a, c, s, p, d)) in (
        (tuple(key for key, _ in chosen), tuple(values for _, values in chosen))
        for chosen in product(AUTH.items(), COLD.items(), STORE.items(), PROCESSOR.items(), DOMAIN.items())
    )
}
"""By a name that a test can bear."""

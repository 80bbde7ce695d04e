"""The parameters that a stack is tried with: every cold-start strategy with every kind of store."""

from devstack.template.stack import Values

TOKENS: Values = {
    "JwtIssuer": "https://login.example.com/",
    "JwtAudience": "app",
    "CorsOrigins": "https://shop.example.com",
}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/nextitem:1"
LEARNING: Values = {"Learning": "scheduled", "LakeBuckets": 2, "TrainingImage": IMAGE}
STRATEGIES: dict[str, Values] = {
    "none": {},
    "provisioned": {"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10},
    "snapstart": {"ColdStartStrategy": "snapstart", **TOKENS},
    "managed-instances": {"ColdStartStrategy": "managed-instances"},
}
LEARNS = [("none", "serverless"), ("managed-instances", "nodes")]
"""The rows with the learning loop: those whose every Allow must be needed (`test_story`)."""
STORES: dict[str, Values] = {"serverless": {}, "nodes": {"StoreKind": "nodes"}}

ROWS: dict[tuple[str, str], Values] = {
    (strategy, store): {**values, **of_store, **(LEARNING if (strategy, store) in LEARNS else {})}
    for strategy, values in STRATEGIES.items()
    for store, of_store in STORES.items()
}

TESTED = [*LEARNS, ("provisioned", "nodes"), ("snapstart", "serverless")]
"""The rows of the tests: each strategy once, each kind of store twice. `make cloud` plays them all."""

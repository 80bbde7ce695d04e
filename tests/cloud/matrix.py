"""The parameters that a stack is tried with: every cold-start strategy with every kind of store."""

from devstack.template.stack import Values

TOKENS: Values = {
    "JwtIssuer": "https://login.example.com/",
    "JwtAudience": "app",
    "CorsOrigins": "https://shop.example.com",
}
STRATEGIES: dict[str, Values] = {
    "none": {},
    "provisioned": {"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10},
    "snapstart": {"ColdStartStrategy": "snapstart", **TOKENS},
    "managed-instances": {"ColdStartStrategy": "managed-instances"},
}
STORES: dict[str, Values] = {"serverless": {}, "nodes": {"StoreKind": "nodes"}}

ROWS: dict[tuple[str, str], Values] = {
    (strategy, store): {**values, **of_store}
    for strategy, values in STRATEGIES.items()
    for store, of_store in STORES.items()
}

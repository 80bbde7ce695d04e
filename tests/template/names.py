"""ARNs in place of references, so that policies can be read without a deployment."""

from devstack.cloud.account import Account

ACCOUNT = Account()
PSEUDO = {
    "AWS::Partition": ACCOUNT.partition,
    "AWS::Region": ACCOUNT.region,
    "AWS::AccountId": ACCOUNT.id,
    "AWS::StackName": "shop",
    "AWS::URLSuffix": "amazonaws.com",
}


class Names:
    """ARNs for what only a deployment knows: policies refer to little else."""

    def ref(self, name: str) -> str:
        return PSEUDO.get(name) or ACCOUNT.arn("any", name)

    def attribute(self, name: str, attribute: str) -> str:
        return ACCOUNT.arn("any", f"{name}/{attribute}")

    def zones(self, region: str) -> list[str]:
        return [f"{region}a", f"{region}b"]

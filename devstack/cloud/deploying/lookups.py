"""References to what exists: physical ids, attributes, pseudo parameters, availability zones."""

from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.resources import Deployment


class DeployedLookup:
    """Answers the references of a template from its deployment; see `intrinsics.Lookup`."""

    def __init__(self, site: Site, deployment: Deployment) -> None:
        self._site = site
        self._deployment = deployment
        account = site.account
        self._pseudo = {
            "AWS::AccountId": account.id,
            "AWS::Partition": account.partition,
            "AWS::Region": account.region,
            "AWS::StackName": deployment.stack_name,
            "AWS::URLSuffix": "amazonaws.com.cn" if account.partition == "aws-cn" else "amazonaws.com",
        }

    def ref(self, name: str) -> str:
        """Return the physical id of a resource, or a pseudo parameter.

        Raises:
            KeyError: there is neither.
        """
        return self._pseudo[name] if name in self._pseudo else self._deployment.resources[name].physical_id

    def attribute(self, name: str, attribute: str) -> str:
        """Return an attribute of a resource.

        Raises:
            KeyError: there is no such resource or attribute.
        """
        return self._deployment.resources[name].attributes[attribute]

    def zones(self, region: str) -> list[str]:
        """Return the availability zones of the region.

        Raises:
            ValueError: it is another region.
        """
        if region != self._site.account.region:
            raise ValueError(f"Fn::GetAZs: the stack is in {self._site.account.region}, not in {region}")
        answer = self._site.clients.call("ec2", "DescribeAvailabilityZones")
        return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

"""An account at a moto server of its own, and small stacks."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.cloud.account import Account
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.deploying.inventory import inventory
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import deploy
from devstack.cloud.iam.authority import Authority
from devstack.cloud.resources import Deployment
from devstack.processes.children import Children
from devstack.services.bucket import start_moto
from devstack.template.stack import Stack

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with Children() as children:
        endpoint, _ = start_moto(children, tmp_path_factory.mktemp("moto"))
        clients = Clients(endpoint, Account())
        clients.client("ec2")  # the model of EC2 takes a second
        yield clients
        clients.close()


@pytest.fixture
def site(clients: Clients) -> Site:
    """An account. Its moto has what earlier tests left, so stacks have names of their own."""
    account = Account()
    return Site(account, clients, Authority(account))


@pytest.fixture
def stack_name() -> str:
    return f"shop{next(_NUMBERS)}"


@pytest.fixture
def deploy_small(site: Site, stack_name: str) -> Callable[..., Deployment]:
    """Deploy resources, each given as its type and properties."""

    def deploy_resources(**resources: tuple[str, dict[str, Any]] | dict[str, Any]) -> Deployment:
        return deploy(site, small_stack(**resources), stack_name)

    return deploy_resources


@pytest.fixture(scope="module")
def leaves_nothing(clients: Clients) -> Iterator[None]:
    """Fail if the tests of a module leave anything behind in the account."""
    account = Account()
    site = Site(account, clients, Authority(account))
    before = inventory(site)
    yield
    assert inventory(site) == before


def small_stack(**resources: tuple[str, dict[str, Any]] | dict[str, Any]) -> Stack:
    """Return a stack of resources: types and properties, or whole resources."""
    whole = {
        name: {"Type": resource[0], "Properties": resource[1]} if isinstance(resource, tuple) else resource
        for name, resource in resources.items()
    }
    return Stack(whole, {}, {}, {name: f"{name}/" for name in whole})

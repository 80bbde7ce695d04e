"""Four workers are restarted one after the other under load: no request fails, no event is lost or doubled."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from devstack.container import READY_SECONDS, Container
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.model.engine import Model
from tests.container.balancer import Balancer
from tests.container.shoppers import Shoppers
from tests.functions.client import PATIENT

SERVERS = 4
CLIENTS = 4
NOTICED_SECONDS = 0.4
"""From SIGTERM until the balancer has noticed: Kubernetes does both at the same time, and not at the same moment."""
SETTINGS = {**PATIENT, "NEXTITEM_DRAIN_DELAY_SECONDS": "2"}


@pytest.mark.slow
def test_servers_behind_a_balancer_are_replaced_without_a_failure(model: Model) -> None:
    with Stack(artifact=demo_artifact(), settings=PATIENT) as stack, ExitStack() as running, Balancer() as balancer:
        # GIVEN four servers behind a balancer, under load
        def start(_number: int) -> Container:
            return running.enter_context(Container(stack, settings=SETTINGS))

        with ThreadPoolExecutor(SERVERS) as threads:
            servers = list(threads.map(start, range(SERVERS)))
        balancer.endpoints = tuple(map(_endpoint, servers))
        with Shoppers(balancer.address, CLIENTS) as shoppers, ThreadPoolExecutor(1) as threads:
            # WHEN each is replaced in turn
            replacements = threads.map(start, range(SERVERS))
            for server, replacement in zip(list(servers), replacements, strict=True):
                balancer.endpoints += (_endpoint(replacement),)
                server.begin_stop()
                time.sleep(NOTICED_SECONDS)
                balancer.without(_endpoint(server))
                assert server.stop() == 0
                servers = [*servers[1:], replacement]
        # AND all have stopped
        assert [server.stop() for server in servers] == [0] * SERVERS

        # THEN every request had its answer, and the store has every event once
        assert shoppers.failures == []
        assert shoppers.requests > 100
        assert shoppers.check_store(stack.store_url, model) > CLIENTS


@pytest.mark.slow
def test_workers_of_one_server_are_replaced_without_a_failure(model: Model) -> None:
    with Stack(artifact=demo_artifact(), settings=PATIENT) as stack:
        with Container(stack, workers=SERVERS, settings=SETTINGS) as container:
            # GIVEN a server with four workers under load
            before = container.worker_pids()
            with Shoppers(urlsplit(container.url).netloc, CLIENTS) as shoppers:
                # WHEN it gets the signal to restart them
                container.child.signal(signal.SIGHUP)
                container.child.wait_until(lambda: _all_replaced(container), READY_SECONDS)
            assert not set(before) & set(container.worker_pids())
            # AND has stopped
            assert container.stop() == 0

        # THEN every request had its answer, and the store has every event once
        assert shoppers.failures == []
        assert shoppers.requests > 100
        assert shoppers.check_store(stack.store_url, model) > CLIENTS


def _endpoint(container: Container) -> str:
    return urlsplit(container.url).netloc


def _all_replaced(container: Container) -> bool | None:
    return container.child.log_text().count("was replaced and ended with 0") == SERVERS or None

"""``python -m devstack --template``: the demo on a local cloud, which template.yaml describes."""

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from devstack.cloud.actors import PROMOTER, PUBLISHER, SHOP, STOCK
from devstack.cloud.cloud import LocalCloud
from devstack.cloud.iam.authority import Credentials
from devstack.cloud.network.place import available
from devstack.env import write_exports
from devstack.processes.errors import StackError
from devstack.publish import most_popular_item
from devstack.replay.demo import print_invitation, replay_sessions, show_replay, wait_for_interrupt
from devstack.replay.report import server_errors
from devstack.stack import demo_tokens
from devstack.template.stack import deployed
from nextitem import DEFAULT_STACK

ACTORS = {"as_publisher": PUBLISHER, "as_promoter": PROMOTER, "as_shop": SHOP, "as_stock": STOCK}
"""Functions of the shell that has evaluated `python -m devstack env`, and the policy that each has."""
ENV = "/usr/bin/env"
EXIT_FAILED = 1
RENEW_SECONDS = 45 * 60.0
"""Keys end after an hour."""


def run(
    parameters: Mapping[str, str], *, artifact: Path, port: int, sessions: int, once: bool, console: Console
) -> int:
    """Deploy the template, publish and promote a model, replay shoppers, serve until Ctrl-C; return the exit code.

    Args:
        parameters: of the template; the others have their defaults.
        artifact: the model.
        port: of the HTTP API; 0: a free one.
        sessions: to replay.
        once: whether to end after the replay.
        console: of the person who runs it.

    Raises:
        StackError: the template refuses the parameters, this machine allows no namespaces, or a part does not start.
    """
    if reason := available():
        raise StackError(f"--template runs functions in network namespaces. {reason}")
    try:
        deployed(parameters)
    except ValueError as error:
        raise StackError(f"--parameters: {error}") from error
    with contextlib.ExitStack() as running:
        with console.status("Deploying template.yaml and starting what it describes ..."):
            cloud = running.enter_context(LocalCloud(parameters, stack_name=DEFAULT_STACK, port=port))
            version = _publish(cloud, artifact)
        console.print(f"Model {version} of template.yaml's stack {DEFAULT_STACK} is live on [bold]{cloud.url}[/bold]")
        caller = cloud.caller()
        visits = replay_sessions(cloud.url, sessions, console, lambda *call: cloud.actors.headers(caller, *call))
        show_replay(console, visits, cloud.functions.cold_starts(cloud.alias_arn), cloud.functions.log_lines)
        if once:
            return EXIT_FAILED if server_errors(visits) else 0
        _export(cloud)
        _invite(cloud, console, most_popular_item(artifact))
        wait_for_interrupt(console, lambda: _renew(cloud), every_seconds=RENEW_SECONDS)
    return 0


def _publish(cloud: LocalCloud, artifact: Path) -> str:
    """Publish and promote a model, each under its policy, and return its version."""
    version = cloud.actors.nextitem(cloud.actors.credentials(PUBLISHER), "publish", artifact.resolve()).strip()
    cloud.actors.nextitem(cloud.actors.credentials(PROMOTER), "promote", version, "--exclude-seen")
    cloud.functions.retire_workers()  # those that were started in advance have no model yet
    return version


def _export(cloud: LocalCloud) -> None:
    """Write what `python -m devstack env` prints, with new keys."""
    deployment = cloud.deployment
    variables = {
        "API_URL": cloud.url,
        **_keys(cloud.actors.backend()),
        **demo_tokens(cloud.jwt),
        "FUNCTION": cloud.alias_arn,
        "NEXTITEM_BUCKET": deployment.only("AWS::S3::Bucket").physical_id,
        "DEVSTACK_PID": str(os.getpid()),
    }
    functions = {"in_cloud": f'{shlex.join(map(str, cloud.actors.command(ENV)))} "$@"'}
    for name, policy in ACTORS.items():
        keys = shlex.join(f"{key}={value}" for key, value in _keys(cloud.actors.credentials(policy)).items())
        functions[name] = f'in_cloud {keys} "$@"'
    write_exports(cloud.directory, variables, deployment.account.region, functions)


def _renew(cloud: LocalCloud) -> None:
    """Replace everything that has keys: the exports, and workers as Lambda ends environments every few hours."""
    _export(cloud)
    cloud.functions.retire_workers()


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }


def _invite(cloud: LocalCloud, console: Console, item_id: str) -> None:
    console.print('\nIn another terminal: eval "$(python -m devstack env)"', highlight=False, markup=False)
    if cloud.jwt is not None:
        options = [f'-H "authorization: Bearer ${next(iter(demo_tokens(cloud.jwt)))}"']
    else:
        options = [
            f'--aws-sigv4 "aws:amz:{cloud.deployment.account.region}:execute-api"',
            '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
            '-H "x-amz-security-token: $AWS_SESSION_TOKEN"',
        ]
    print_invitation(console, cloud.url, item_id, *options)

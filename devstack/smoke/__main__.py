"""``python -m devstack.smoke``: deploy, use and delete a scratch stack in your AWS account, after a question."""

import argparse
import re
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from devstack.publish import demo_artifact
from devstack.smoke.aws import AwsCloud
from devstack.smoke.bill import estimated_bill
from devstack.smoke.commands import ROOT
from devstack.smoke.run import EXIT_INTERRUPTED, run_steps
from devstack.smoke.steps import Run
from devstack.smoke.transcript import Transcript
from nextitem.errors import NextItemError

TRANSCRIPTS = ROOT / ".build" / "smoke"
USUAL_SECONDS, USUAL_REQUESTS = 75 * 60.0, 5000
"""A guess, shown in the question: no run was measured yet."""
MAX_NAME = 26
EXIT_REFUSED = 2


class Refused(NextItemError):
    """Nothing was created."""


@dataclass(frozen=True)
class Identity:
    """The caller of AWS."""

    account: str
    arn: str
    region: str


def identify(session: boto3.Session) -> Identity:
    """Return who would create the stack, and where.

    Raises:
        Refused: there are no credentials or no region, or AWS does not accept them.
    """
    if not session.region_name:
        raise Refused("no region is set; use --region, or AWS_REGION")
    if session.get_credentials() is None:
        raise Refused("there are no AWS credentials; log in, or use --profile")
    try:
        caller = session.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"AWS does not accept the credentials: {error}") from error
    return Identity(caller["Account"], caller["Arn"], session.region_name)


def refuse_existing(session: boto3.Session, stack: str) -> None:
    """Refuse the name of a stack that exists: the run would delete it.

    Raises:
        Refused: there is such a stack, or AWS does not say.
    """
    try:
        session.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return
        raise Refused(f"AWS does not say whether {stack} exists: {error}") from error
    raise Refused(f"a stack {stack} exists already; a run deletes its stack, so choose another --stack-name")


def confirm(identity: Identity, stack: str, ask: Callable[[str], str]) -> None:
    """Say what will happen, and go on only if the account's number is typed.

    Raises:
        Refused: something else was typed.
    """
    dollars = sum(estimated_bill(USUAL_REQUESTS, USUAL_SECONDS).values())
    answer = ask(
        f"This creates the stack {stack} in account {identity.account}, region {identity.region}, as {identity.arn}.\n"
        "It contains a VPC, a Valkey cache, functions, an API, a bucket, a key, a secret and alarms. A run takes about "
        f"{USUAL_SECONDS / 60:.0f} minutes and about ${dollars:.2f} at list prices, and then deletes everything.\n"
        "Type the account's number to go on: "
    )
    if answer.strip() != identity.account:
        raise Refused(f"{answer.strip()!r} is not the account's number; nothing was created")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    try:
        session = boto3.Session(profile_name=options.profile, region_name=options.region)
        identity = identify(session)
        refuse_existing(session, options.stack_name)
        confirm(identity, options.stack_name, _asked(options.account))
    except (Refused, BotoCoreError) as error:
        sys.stderr.write(f"make smoke: {error}\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    transcript = Transcript(TRANSCRIPTS / f"{options.stack_name}.txt", sys.stdout)
    transcript.say(f"stack {options.stack_name}, account {identity.account}, region {identity.region}, {identity.arn}")
    try:
        return run_steps(
            Run(AwsCloud(session, options.stack_name, identity.account, options.profile), demo_artifact()), transcript
        )
    finally:
        transcript.close()
        sys.stdout.write(f"The transcript is {Path(transcript.path).relative_to(ROOT)}\n")


def _asked(account: str | None) -> Callable[[str], str]:
    """Return what answers the question: the option, or the keyboard."""

    def ask(question: str) -> str:
        if account is not None:
            sys.stdout.write(f"{question}{account}\n")
            return account
        if not sys.stdin.isatty():
            raise Refused("there is no keyboard to answer the question; --account NUMBER answers it")
        return input(question)

    return ask


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make smoke ARGS=...", description=__doc__.partition(": ")[2])
    parser.add_argument("--region", help="by default that of the AWS settings")
    parser.add_argument("--profile", help="of the AWS settings")
    parser.add_argument(
        "--stack-name",
        type=_stack_name,
        default=f"nextitem-smoke-{secrets.token_hex(3)}",
        help="name of the stack (default: a new one)",
    )
    parser.add_argument("--account", help="answers the question: the number of the account that may be used")
    return parser


def _stack_name(text: str) -> str:
    if not re.fullmatch(rf"[a-z][a-z0-9-]{{0,{MAX_NAME - 1}}}", text):
        raise argparse.ArgumentTypeError(
            f"{text} is no stack name: {MAX_NAME} lower-case letters, digits and hyphens at most, a letter first"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())

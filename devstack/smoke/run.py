"""Run the steps in order. Whatever happens, the stack is deleted at the end, and the transcript says what it cost."""

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from devstack.smoke.bill import estimated_bill
from devstack.smoke.cloud import Cloud
from devstack.smoke.steps import STEPS, Run, Step
from devstack.smoke.transcript import Transcript
from model_export.cost.prices import AS_OF
from nextitem.errors import NextItemError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def run_steps(run: Run, transcript: Transcript, steps: Sequence[Step] = STEPS) -> int:
    """Run steps until one fails, delete the stack, write the bill, and return the exit code.

    Ctrl-C ends the present step and deletes the stack, too. In the deletion it ends the wait for the present thing, and
    the transcript says how to delete it.
    """
    code = 0
    try:
        for step in steps:
            transcript.say(f"{step.name} ...")
            transcript.say(f"{step.name}: {step.run(run)}")
    except KeyboardInterrupt:
        transcript.say("interrupted")
        code = EXIT_INTERRUPTED
    except (NextItemError, ClientError, BotoCoreError) as error:
        transcript.say(f"FAILED: {error}")
        code = EXIT_FAILED
    except BaseException as error:
        transcript.say(f"FAILED: {type(error).__name__}: {error}")
        raise
    finally:
        code = _delete(run.cloud, transcript) or code
        transcript.bill(estimated_bill(run.answered, transcript.seconds), AS_OF)
        transcript.say("passed" if code == 0 else "not passed")
    return code


def _delete(cloud: Cloud, transcript: Transcript) -> int:
    transcript.say("deleting everything ...")
    try:
        left = cloud.delete()
    except KeyboardInterrupt:
        transcript.say("interrupted: the deletion is not complete; look for the stack and its bucket in the account")
        return EXIT_INTERRUPTED
    for line in left:
        transcript.say(f"LEFT: {line}")
    transcript.say("deleted" if not left else f"{len(left)} things are left and may cost money")
    return EXIT_FAILED if left else 0

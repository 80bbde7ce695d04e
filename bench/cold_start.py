"""Cold starts, one at a time: from the spawn of a worker process to its first answer, and the phases in between.

With `--built`, the artifact of `make build` under Python 3.13 stands beside the source tree, interleaved.
`python -m bench.cold_start [--built --python P --runtime-path R]`
"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.timing import summary
from devstack.publish import demo_artifact
from devstack.stack import Stack

BUILT = Path(".aws-sam/build/RecommendFunction")
EVENT = json.dumps({"operation": "append_events", "session_id": "s", "events": [{"item_id": "tea-001"}]}).encode()
PHASES = ("cold_process_start_ms", "cold_import_ms", "cold_model_load_ms", "cold_first_request_ms")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--built", action="store_true", help=f"also measure {BUILT}")
    parser.add_argument("--python", type=Path, help="the interpreter for it")
    parser.add_argument("--runtime-path", type=Path, help="folder with awslambdaric for it")
    arguments = parser.parse_args()
    with ExitStack() as running:
        stacks = {"source tree": running.enter_context(Stack(artifact=demo_artifact(), max_workers=1))}
        if arguments.built:
            built = Stack(
                BUILT,
                artifact=demo_artifact(),
                max_workers=1,
                python=arguments.python,
                runtime_path=arguments.runtime_path,
            )
            stacks["built artifact"] = running.enter_context(built)
        for _ in range(arguments.rounds + 1):
            for stack in stacks.values():
                stack.invoke(EVENT)
                stack.retire_workers()
        for name, stack in stacks.items():
            _print(name, stack)


def _print(name: str, stack: Stack) -> None:
    records = [json.loads(line) for line in stack.log_lines() if '"_aws"' in line][1:]
    table = Table("", "median ms", "p99 ms", title=f"{len(records)} cold starts, {name}")
    for phase in PHASES:
        taken = summary([record[phase] for record in records])
        table.add_row(phase, f"{taken.median:.1f}", f"{taken.p99:.1f}")
    whole = summary([start.answer_ms for start in stack.cold_starts[1:]])
    table.add_row("spawn to first answer", f"{whole.median:.1f}", f"{whole.p99:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()

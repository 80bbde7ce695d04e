"""What the processor time of a server consists of, by sampling it with py-spy."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

RATE = 200
"""Samples per second of each process."""
PARTS = (
    ("engine", ("onnxruntime/", "nextitem/model/", "torch/", "torch_server.py")),
    ("session store", ("redis/", "nextitem/redis_client/", "nextitem/sessions/", "background_saves.py")),
    ("telemetry", ("nextitem/telemetry/", "prometheus_client/", "prometheus_sink.py", "aws_lambda_powertools/")),
    ("JSON and checks", ("nextitem/service/schema/", "json/", "msgspec/", "lambda_events.py", "http_request.py")),
    (
        "ranking and rules",
        ("nextitem/service/", "nextitem/catalogue/", "nextitem/registry/", "calls.py", "recommend.py"),
    ),
    ("Lambda's runtime client", ("awslambdaric/",)),
    ("HTTP server", ("uvicorn/", "container/", "aiohttp/", "asyncio/", "httptools")),
    ("threads", ("concurrent/", "threading.py", "queue.py")),
)
"""Parts of a request, and how the paths of their files begin or what they contain; a sample belongs to the first
of its frames, from the innermost outwards, that has a part."""
OTHER = "other"


@contextmanager
def profile(pids: Sequence[int], seconds: float) -> Iterator[dict[str, float]]:
    """Sample processes inside the ``with`` block; the shares are in the yielded dict at its end.

    Args:
        pids: the server's processes.
        seconds: how long to sample.

    Raises:
        SystemExit: py-spy is not installed.
    """
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        raise SystemExit("--profile needs py-spy: `make bench-peers` installs it")
    shares: dict[str, float] = {}
    options = ["--rate", f"{RATE}", "--duration", f"{max(1, round(seconds))}", "--format", "raw", "--full-filenames"]
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{pid}.txt" for pid in pids]
        samplers = [
            subprocess.Popen(
                [program, "record", *options, "--nonblocking", "--pid", f"{pid}", "--output", file],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for pid, file in zip(pids, files, strict=True)
        ]
        yield shares
        for sampler in samplers:
            sampler.wait()
        lines = [line for file in files if file.exists() for line in file.read_text("utf-8").splitlines()]
    shares.update(shares_of(lines))


def shares_of(lines: Iterable[str]) -> dict[str, float]:
    """Return the share of each part in samples, the largest first.

    Args:
        lines: py-spy's raw format: frames from the outermost inwards, `function (file:line)`, then a count.
    """
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if stack:  # a process that was idle all the time leaves an empty line
            counts[_part(stack.split(";"))] += int(count)
    total = counts.total()
    return {part: round(count / total, 3) for part, count in counts.most_common()}


def _part(frames: Sequence[str]) -> str:
    for frame in reversed(frames):
        for part, paths in PARTS:
            if any(path in frame for path in paths):
                return part
    return OTHER

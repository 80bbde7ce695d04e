"""Run a SageMaker (or AWS Batch) training job: ``python -m model_export.cli.sagemaker`` in its container.

Reads the job from environment variables (names of the SageMaker Training Toolkit), then runs `nextitem train` in all
processes and `nextitem export` after it. The events are the channel `train`, or its file called train.
The model's folder then holds ``run`` and ``artifact``; the latter has the one folder to publish.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from typer.core import TyperGroup
from typer.main import get_command

from model_export.cli.app import app
from model_export.cli.options import LayoutOptions
from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.formats import PACKED, SUFFIXES
from model_export.interruption import Stopped, describe_if_stopped, stoppable
from model_export.job_failure import report_failure
from model_export.training.config import FitConfig
from nextitem.errors import InputError, NextItemError

PORT = "29400"
"""Port of the first host at which all processes meet; MASTER_PORT names another."""
PROGRAM = "model_export.cli"
FAULT = "nextitem: "
LAYOUT = tuple(field.name for field in fields(LayoutOptions))
EXPORT = ("min_overlap", "max_hr_loss", "scheme")


@dataclass(frozen=True)
class Job:
    """A training job.

    Attributes:
        events: the training events.
        model: folder whose content SageMaker keeps as the model.
        hyperparameters: by name, as texts.
        processes: number of processes on each host.
        hosts: all hosts, in the same order on each.
        host: this host.
        port: port of the first host, at which they meet.
    """

    events: Path
    model: Path
    hyperparameters: dict[str, str]
    processes: int
    hosts: tuple[str, ...]
    host: str
    port: str = PORT

    @property
    def leads(self) -> bool:
        """True if this host writes the model."""
        return self.host == self.hosts[0]


def read_job(environment: Mapping[str, str], arguments: Sequence[str]) -> Job:
    """Read a job from environment variables.

    Args:
        environment: the variables `SM_...`.
        arguments: hyper-parameters as ``--name value``; they replace those of SM_HPS.

    Raises:
        InputError: a variable or hyper-parameter is missing or wrong.
    """
    for name in ("SM_CHANNEL_TRAIN", "SM_MODEL_DIR"):
        if not environment.get(name):
            raise InputError(f"{name} is not set: this runs in a SageMaker training job with a channel named train")
    from_job = _json(environment, "SM_HPS", "{}", dict)
    hyperparameters = {_name(name): _text(value) for name, value in from_job.items()} | _pairs(arguments)
    known = {*FitConfig.names(), *LAYOUT, *EXPORT}
    if unknown := sorted(hyperparameters.keys() - known):
        raise InputError(f"unknown hyper-parameter {unknown[0]!r}. Known: {', '.join(sorted(known))}")
    hosts = tuple(sorted(_json(environment, "SM_HOSTS", '["localhost"]', list)))
    host = environment.get("SM_CURRENT_HOST", hosts[0])
    if host not in hosts:
        raise InputError(f"SM_CURRENT_HOST is {host!r}, which is not among SM_HOSTS")
    processes = environment.get("NEXTITEM_PROCESSES") or environment.get("SM_NUM_GPUS") or "0"
    if not processes.isdigit():
        raise InputError(f"the number of processes on a host must be a number, not {processes!r}")
    return Job(
        events=_events(Path(environment["SM_CHANNEL_TRAIN"])),
        model=Path(environment["SM_MODEL_DIR"]),
        hyperparameters=hyperparameters,
        processes=max(1, int(processes)),
        hosts=hosts,
        host=host,
        port=environment.get("MASTER_PORT") or PORT,
    )


def commands(job: Job, config: Path) -> list[list[str]]:
    """Return the commands that a host runs, one after the other.

    Args:
        job: the job.
        config: file with the `settings`.
    """
    start = [sys.executable]
    if len(job.hosts) > 1 or job.processes > 1:
        start += ["-m", "torch.distributed.run", f"--nproc-per-node={job.processes}"]
        start += _rendezvous(job) if len(job.hosts) > 1 else ["--standalone"]
    run = str(job.model / "run")
    train = [*start, "-m", PROGRAM, "train", str(job.events), "--out", run, "--config", str(config)]
    train += _layout_options(job)
    if not job.leads:
        return [train]
    export = [sys.executable, "-m", PROGRAM, "export", run, "--out", str(job.model / "artifact")]
    return [train, [*export, *_options(job, EXPORT)]]


def _rendezvous(job: Job) -> list[str]:
    rank = job.hosts.index(job.host)
    return [
        f"--nnodes={len(job.hosts)}",
        f"--node-rank={rank}",
        f"--master-addr={job.hosts[0]}",
        f"--master-port={job.port}",
    ]


def settings(job: Job) -> dict[str, Any]:
    """Return the hyper-parameters that are training settings, with their types."""
    return {name: _value(text) for name, text in job.hyperparameters.items() if name in FitConfig.names()}


def main() -> int:
    """Run the job, and report a failure on standard error and in the failure file."""
    with stoppable() as stop:
        try:
            return _main()
        except Stopped:
            sys.stderr.write(f"{stop.line()}\n")
            return stop.exit_code


def _main() -> int:
    try:
        job = read_job(os.environ, sys.argv[1:])
        describe_if_stopped(lambda: f"{job.model} has no model, or half of one")
        with temporary_folder() as folder:
            config = folder / "settings.json"
            config.write_text(json.dumps(settings(job)))
            for command in commands(job, config):
                _run(command)
    except Exception as error:
        report_failure(error)
        if isinstance(error, NextItemError):
            return 1
        raise  # a fault of ours: its traceback is in the log
    return 0


def _run(command: list[str]) -> None:
    """Run a command and pass on its standard error; its first error is the reason of a failure."""
    reason = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603  # our own command
        lines = running.stderr or ()
        try:
            for line in lines:
                sys.stderr.write(line)
                reason = reason or (line.removeprefix(FAULT).strip() if line.startswith(FAULT) else "")
        except Stopped:
            running.terminate()
            sys.stderr.writelines(lines)  # until its clean-up is done
            raise
    if running.returncode:
        raise InputError(reason or f"{' '.join(command)} ended with code {running.returncode}")


def _events(channel: Path) -> Path:
    """Return the channel's file called train, from `nextitem prepare`; else the channel, whose files are all events."""
    named = [
        file
        for file in sorted(channel.glob("train.*"))
        if file.name.lower().removesuffix(PACKED).endswith(tuple(SUFFIXES))
    ]
    if len(named) > 1:
        raise InputError(f"{channel} has {len(named)} files called train")
    return named[0] if named else channel


def _options(job: Job, names: Sequence[str]) -> list[str]:
    options = [(name, job.hyperparameters[name]) for name in names if name in job.hyperparameters]
    return [text for name, value in options for text in (f"--{name.replace('_', '-')}", value)]


def _layout_options(job: Job) -> list[str]:
    """Return the options of the layout: a list repeats its option, and true or false is a flag."""
    known = {option.name: option for option in cast("TyperGroup", get_command(app)).commands["train"].params}
    options: list[str] = []
    for name in LAYOUT:
        if name not in job.hyperparameters:
            continue
        text = job.hyperparameters[name]
        value = _value(text)
        if isinstance(value, bool):
            options += (known[name].opts if value else known[name].secondary_opts)[:1]
        else:
            for part in value if isinstance(value, list) else [text]:
                options += [known[name].opts[0], str(part)]
    return options


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        raise InputError(f"hyper-parameters must be --name value, not {' '.join(arguments)}")
    return {_name(name): value for name, value in zip(names, values, strict=True)}


def _name(text: str) -> str:
    return text.removeprefix("--").replace("-", "_")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str) -> Any:
    """Parse a hyper-parameter: SageMaker passes all of them as texts."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _json(environment: Mapping[str, str], name: str, default: str, kind: type) -> Any:
    try:
        value = json.loads(environment.get(name) or default)
    except json.JSONDecodeError as error:
        raise InputError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, kind) or (not value and kind is list):
        raise InputError(f"{name} must be a JSON {'object' if kind is dict else 'list'}, not {value!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())

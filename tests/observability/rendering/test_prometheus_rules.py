"""The rules are up to date, promtool accepts them, and alerts fire when they should."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.__main__ import ROOT, RULES, rendered_rules
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.container import CONTAINER_ALARMS
from observability.alarms.types import Alarm
from observability.rendering.prometheus_rules import RUNBOOKS, expressible, rules

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

VERSION = '{stack="shop",model_version="v1",variant="main"}'
REQUESTS = 'nextitem_requests_total{stack="shop",model_version="v1",variant="main",served_by="session"}'
OVERLOADED = 'nextitem_overloaded_total{stack="shop"}'
FAULTS = 'nextitem_store_faults_total{stack="shop"}'


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for group in rules()["groups"] for rule in group["rules"] if "alert" in rule}


@dataclass(frozen=True)
class Case:
    """Series of a stack, and the alerts that fire at each time.

    Attributes:
        name: of the test.
        series: promtool's notation of values, one a minute, by series.
        firing: the names of the alerts that fire, by the time.
        step: the time between evaluations.
        healthy: whether there are requests, without failures.
    """

    name: str
    series: dict[str, str]
    firing: dict[str, set[str]]
    step: str = "1m"
    healthy: bool = True

    def test(self) -> dict[str, Any]:
        """Return the test in promtool's notation; it names every alert, so that no other one may fire."""
        base = {REQUESTS: "0+600x120", f"nextitem_server_errors_total{VERSION}": "0+0x120"} if self.healthy else {}
        series = [{"series": name, "values": values} for name, values in (base | self.series).items()]
        return {
            "name": self.name,
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": list(self._expectations()),
        }

    def _expectations(self) -> Iterator[dict[str, Any]]:
        for time, firing in self.firing.items():
            for name, rule in alerts().items():
                expected = {"exp_labels": {"stack": "shop", **rule["labels"]}, "exp_annotations": annotations(rule)}
                exp_alerts = [expected] if name in firing else []
                yield {"eval_time": time, "alertname": name, "exp_alerts": exp_alerts}


def annotations(rule: dict[str, Any]) -> dict[str, str]:
    """Return an alert's annotations for the stack of the tests."""
    return {key: text.replace("{{ $labels.stack }}", "shop") for key, text in rule["annotations"].items()}


CASES = (
    Case(
        "a healthy service alerts about nothing",
        {
            f"nextitem_slow_total{VERSION}": "0+1x2000",
            FAULTS: "0+1x2000",
            'nextitem_overloaded_total{stack="shop"}': "0+0x2000",
        },
        {"2m": set(), "30m": set(), "60m": set()},
    ),
    Case(
        "a store that is down pages once, and silences its effects",
        {
            FAULTS: "0x10 0+600x60",
            f"nextitem_slow_total{VERSION}": "0x10 0+600x60",
            f"nextitem_server_errors_total{VERSION}": "0x10 0+300x60",
        },
        {"10m": set(), "20m": {"NextitemStoreDown"}, "30m": {"NextitemStoreDown"}},
    ),
    Case(
        "a store with some faults opens a ticket",
        {FAULTS: "0+30x120"},
        {"20m": {"NextitemStoreFaultsTicket"}},
    ),
    Case(
        "answers with 5xx page before slow answers do",
        {f"nextitem_server_errors_total{VERSION}": "0x15 0+60x60", f"nextitem_slow_total{VERSION}": "0x15 0+300x60"},
        {"15m": set(), "30m": {"NextitemAvailabilityPage"}},
    ),
    Case(
        "slow answers alone page",
        {f"nextitem_slow_total{VERSION}": "0x15 0+300x60"},
        {"15m": set(), "30m": {"NextitemLatencyPage"}},
    ),
    Case(
        "refusals because of load open a ticket after three of five minutes",
        {OVERLOADED: "0x20 0+60x60"},
        {"20m": set(), "30m": {"NextitemOverloaded"}},
    ),
    Case(
        "a p99 of 75 ms is over the objective",
        {
            f'nextitem_total_seconds_bucket{VERSION[:-1]},le="0.05"}}': "0+500x120",
            f'nextitem_total_seconds_bucket{VERSION[:-1]},le="0.1"}}': "0+600x120",
            f'nextitem_total_seconds_bucket{VERSION[:-1]},le="+Inf"}}': "0+600x120",
        },
        {"30m": {"NextitemP99OverObjective"}},
    ),
    Case(
        "one fault of the route is forgotten, two in a quarter of an hour are not",
        {'nextitem_route_faults_total{stack="shop"}': "0x10 1x19 1+1x60"},
        {"28m": set(), "50m": {"NextitemRouteFaults"}},
    ),
    Case(
        "hits that stop are a bad model",
        {f"nextitem_labels_total{VERSION}": "0+60x120", f"nextitem_hits_20_total{VERSION}": "0+20x30 600+1x90"},
        {"30m": set(), "75m": {"NextitemBadModel"}},
    ),
    Case(
        "containers that vanish page",
        {REQUESTS: "0+600x30", f"nextitem_server_errors_total{VERSION}": "0+0x30"},
        {"30m": set(), "45m": {"NextitemTelemetrySilent"}},
    ),
    Case(
        "a hit rate far below that of the past days is a decline",
        {'nextitem:watched{alarm="hit-rate-unusual",stack="shop"}': "0.30 0.32 " * 3_000 + "0.2x200"},
        {"96h": set(), "102h": {"NextitemModelDecline"}},
        step="2h",
        healthy=False,
    ),
    Case(
        "two days are not enough for a band",
        {'nextitem:watched{alarm="hit-rate-unusual",stack="shop"}': "0.30 0.32 " * 1_000 + "0.2x200"},
        {"36h": set()},
        step="2h",
        healthy=False,
    ),
)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def test_the_committed_rules_are_up_to_date() -> None:
    assert RULES.read_text() == rendered_rules(), "run `make observability`"


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    ran = promtool("check", "rules", RULES)
    assert ran.returncode == 0, ran.stderr
    assert f"SUCCESS: {sum(len(group['rules']) for group in rules()['groups'])} rules found" in ran.stdout


@needs_promtool
@pytest.mark.slow
@pytest.mark.parametrize("step", ["1m", "2h"])
def test_alerts_fire_when_they_should(tmp_path: Path, step: str) -> None:
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": step,
        # promtool takes groups in a random order otherwise; with steps of hours, an alert that is evaluated before
        # its state finds only the state of the step before, which is too old to count.
        "group_eval_order": [group["name"] for group in rules()["groups"]],
        "tests": [case.test() for case in CASES if case.step == step],
    }
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(document))

    ran = promtool("test", "rules", file)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alarm_is_an_alert_or_a_state_or_refused() -> None:
    described = expressible()
    kept: tuple[Alarm, ...] = (*described.metric_alarms, *described.composites)
    every: tuple[Alarm, ...] = (*ALARMS, *CONTAINER_ALARMS, *COMPOSITES)

    assert sorted([*(alarm.name for alarm in kept), *described.refused]) == sorted(alarm.name for alarm in every)
    assert len(alerts()) == sum(alarm.notifies is not None for alarm in kept)


def test_every_alert_names_a_page_that_exists() -> None:
    for rule in alerts().values():
        page = rule["annotations"]["runbook"]
        assert page.startswith(f"{RUNBOOKS}/")
        assert (ROOT / page).is_file(), page

"""The learning loop in the console, in a real browser: a canary, its looks, drift, and what a forced start leaves."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from devstack.console import experiments
from devstack.console.models import ROUTE
from devstack.publish import demo_artifact, earlier_artifact, object_store
from devstack.replay.shoppers import replay
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from model_export.experiments.assignment import AssignedSessions
from model_export.experiments.decide import decide
from model_export.experiments.new_look import state_after
from model_export.experiments.records import LeftOut, Look, LookSums, Record, add_look, arm_sums, read_records
from model_export.simulator import Shop
from nextitem.registry.verdicts import Bound, Verdict, write_verdict
from tests.devstack.console.conftest import PHONE, accessibility_faults, console_stack, screenshot
from tests.devstack.console.test_console_story import open_console

pytestmark = pytest.mark.slow

DEMO, EARLIER = demo_artifact().name, earlier_artifact().name
ENDED_MS = 2_500
"""A session has ended after a second without events, as the forms say, and counts once the lake is complete until then:
for that nothing but time has to pass."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with the event lake, whose sessions count soon after a start."""
    with pytest.MonkeyPatch.context() as patch, console_stack(lake_buckets=2) as stack:
        patch.setattr(experiments, "SETTLE_SECONDS", 0.0)
        yield stack


def shoppers(stack: Stack, count: int, seed: int) -> None:
    """Let simulated shoppers visit the shop, in a thread of their own: this one has the browser's event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, replay(stack.url, Shop().sessions(count, seed=seed), lambda: None)).result()


def add_evidence(stack: Stack, loss: float) -> None:
    """Add a look at 15,000 sessions, a fifth of them the challenger's, as if they had ended just after the start."""
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
        record = read_records(store, ROUTE)[-1]
        champion, challenger = _sums(12_000, 0.30), _sums(3_000, 0.30 * (1 - loss))
        assigned = (AssignedSessions(0.2, 12_000, 3_000),)
        state = state_after(record, [])
        assert state is not None
        measured = {"p99_ms": 38.25}
        decision = decide(state, record.rules, arm_sums([champion]), arm_sums([challenger]), [assigned], measured)
        at = record.started + timedelta(microseconds=1)
        look = Look(at, at, at, measured, champion, challenger, assigned, LeftOut(4, 2, 0, 9), decision)
        assert add_look(store, record, look)


def _sums(sessions: int, rate: float) -> LookSums:
    """Return sums of outcomes that are 0 or 1."""
    return LookSums(sessions, rate * sessions, rate * sessions)


def start(page: Page, **fields: str) -> None:
    """Fill the form by its labels, and send it by keyboard."""
    for field, value in fields.items():
        page.locator(f"#{field}").fill(value)
    page.locator("#start").focus()
    page.keyboard.press("Enter")


def newest(stack: Stack) -> Record:
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
        return read_records(store, ROUTE)[-1]


def test_a_canary_is_forced_looked_at_and_stopped(visitor: BrowserContext, stack: Stack) -> None:
    # GIVEN a version without a verdict
    page = open_console(visitor, "experiments")
    expect(page.locator("#verdict-note")).to_contain_text(f"{EARLIER} has no verdict beside the live version {DEMO}")
    screenshot(page, "console-experiment-start", full_page=True)
    # WHEN the person starts a canary, and thinks again
    start(page, share="20", margin="2", p99="5000", minimum="50", idle="1")
    expect(page.locator("#confirm-title")).to_have_text("Start without a passing verdict?")
    page.keyboard.press("Escape")
    expect(page.locator("#notice")).to_be_empty()
    # AND forces it
    start(page)
    page.locator("#confirm-yes").click()
    # THEN it runs with these rules, and the audit log has the reason
    expect(page.locator("#view")).to_contain_text("The experiment that runs")
    record = newest(stack)
    assert (record.challenger, record.champion, record.rules.margin, record.rules.minimum_sessions) == (
        EARLIER,
        DEMO,
        0.02,
        50,
    )
    assert (record.rules.steps, record.timing.idle) == ((0.2, 0.5), 1.0)
    expect(page.locator(".entry").filter(has_text="forced canary")).to_have_count(1)
    expect(page.locator(".entry").filter(has_text="gets its first share")).to_have_count(1)
    expect(page.locator("#start")).to_have_count(0)
    # WHEN a look has found 15,000 sessions
    add_evidence(stack, 0.01)
    # THEN the page draws the interval beside the accepted loss
    change = page.locator("#change")
    expect(change).to_have_text(re.compile(r"hit rate -1\.0 % \[-\d+\.\d, \+\d+\.\d\]"))
    chart = page.locator("#interval svg")
    expect(chart).to_have_attribute("aria-label", re.compile(r"change -1\.0 %, interval -.* accepted loss -2\.0 %"))
    bar, margin = (page.locator(f"#interval .{part}").bounding_box() for part in ("interval", "margin"))
    assert bar is not None
    assert margin is not None
    assert bar["x"] < margin["x"] < bar["x"] + bar["width"]
    expect(page.get_by_role("region", name="Guard rails")).to_contain_text("holds")
    expect(page.locator("#view")).to_contain_text("3,000 of 15,000 sessions are the challenger's, 3,000 expected")
    screenshot(page, "console-experiment", full_page=True)
    assert accessibility_faults(page) == []
    # WHEN the person looks, which carries out what that look decided
    page.locator("#look").press("Enter")
    expect(page.locator("#notice")).to_contain_text("Look 1: enough sessions at this share")
    arms = page.get_by_role("region", name="Arms of the experiment").locator("tbody tr")
    expect(arms.last).to_contain_text("50.0 %")
    # AND looks again after shoppers have been there
    shoppers(stack, 40, 11)
    page.wait_for_timeout(ENDED_MS)
    page.locator("#look").press("Enter")
    # THEN the look counted their sessions beside the ones before
    expect(page.locator("#notice")).to_contain_text("Look 2:")
    expect(arms.first).not_to_contain_text("12000")
    # AND the log has it, with its evidence
    page.locator(".entry summary").first.press("Enter")
    expect(page.locator(".entry").first.locator("pre")).to_contain_text('"relative_difference"')
    # WHEN the person stops it
    page.locator("#stop").press("Enter")
    page.locator("#confirm-yes").press("Enter")
    # THEN the champion has all sessions, and another one can be started
    expect(page.locator("#notice")).to_contain_text(f"{DEMO} has all sessions")
    expect(page.locator("#view")).to_contain_text("a person stopped it")
    expect(page.locator("#start")).to_be_visible()


def test_a_passed_version_starts_without_force_and_errors_are_shown(visitor: BrowserContext, stack: Stack) -> None:
    # GIVEN a version that did not pass, and then one that did
    give_verdict(stack, passed=False)
    page = open_console(visitor, "models")
    version = page.locator("details.version", has_text=EARLIER)
    expect(version.locator("summary").first).to_contain_text("did not pass")
    version.locator("summary").first.press("Enter")
    expect(page.get_by_role("region", name=f"Verdict on {EARLIER}")).to_contain_text("missed")
    screenshot(page, "console-verdict", full_page=True)
    assert accessibility_faults(page) == []
    give_verdict(stack, passed=True)
    page.goto("/console#experiments")
    expect(page.locator("#verdict-note")).to_contain_text("passed the gate")
    # WHEN the form asks for what the rules refuse
    start(page, share="60")
    # THEN the browser does not send it
    expect(page.locator("#confirm-title")).to_be_hidden()
    # WHEN the person starts an interleaving, in two windows at once
    other = open_console(visitor, "experiments")
    for each in (page, other):
        each.locator("#kind").select_option("interleaving")
        start(each, share="10")
        expect(each.locator("#confirm-title")).to_have_text("Start the experiment?")
    page.locator("#confirm-yes").click()
    expect(page.locator("#view")).to_contain_text("The experiment that runs")
    other.locator("#confirm-yes").click()
    # THEN the second one says why it was not started
    expect(other.locator("#notice")).to_contain_text("The experiment was not started: experiment e")
    assert (newest(stack).kind, newest(stack).rules.metric) == ("interleaving", "preference")


def give_verdict(stack: Stack, *, passed: bool) -> None:
    bound = Bound("hr@20", "relative change, lower end", 0.01 if passed else -0.2, "at least", -0.05, passed)
    reason = "It holds all bounds." if passed else "It misses hr@20."
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
        write_verdict(store, Verdict(EARLIER, DEMO, ROUTE, at, passed, reason, None, {}, {}, {}, (bound,)))


def test_drift_is_measured_and_drawn(visitor: BrowserContext, stack: Stack) -> None:
    # GIVEN sessions that have ended
    shoppers(stack, 120, 12)
    page = open_console(visitor, "drift")
    expect(page.locator("#view")).to_contain_text("No report yet")
    page.wait_for_timeout(ENDED_MS)
    # WHEN the person measures, twice
    page.locator("#idle").fill("1")
    for _ in range(2):
        page.locator("#measure").press("Enter")
        expect(page.locator("#notice")).to_contain_text(re.compile(r"Measured \d{3} sessions: \w+"))
        page.wait_for_timeout(1_000)  # reports have names by the second
    # THEN the page has the level, the hit rate of each report, and each distribution
    expect(page.locator("#drift-level .badge")).to_have_text(re.compile("steady|moderate|elevated|failing"))
    expect(page.get_by_role("region", name="Hit rate by version")).to_contain_text(DEMO)
    dots = page.locator(".chart .dot.a")
    expect(dots).to_have_count(2)
    expect(page.get_by_role("region", name="Distributions").locator("tbody tr").first).to_contain_text("items")
    screenshot(page, "console-drift", full_page=True)
    assert accessibility_faults(page) == []
    # WHEN the store is dead
    stack.kill_store()
    page.locator("#measure").press("Enter")
    # THEN it says so
    expect(page.locator("#notice")).to_contain_text("The drift was not measured:")
    stack.restart_store()


@pytest.mark.parametrize("part", ["experiments", "drift", "models"])
def test_the_learning_parts_fit_a_phone(visitor: BrowserContext, part: str) -> None:
    page = open_console(visitor, "overview")
    page.set_viewport_size(PHONE)
    page.goto(f"/console#{part}")
    expect(page.locator("#view h2").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    screenshot(page, f"console-phone-{part}", full_page=True)
    assert accessibility_faults(page) == []

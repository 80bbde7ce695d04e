"""The steps of `make smoke`: a sound stack in the local cloud passes, and each planted trouble is found."""

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from devstack.cloud.network.place import available
from devstack.publish import demo_artifact
from devstack.services.secret import Secret
from devstack.smoke.cloud import Deployment, Release, Response
from devstack.smoke.run import EXIT_FAILED, EXIT_INTERRUPTED, run_steps
from devstack.smoke.steps import STEPS, Run
from devstack.smoke.transcript import Transcript
from tests.devstack.smoke.guarded_cloud import GuardedCloud
from tests.devstack.smoke.small_cloud import SECRETS, SmallCloud

pytestmark = pytest.mark.slow

SESSIONS = 12
SESSIONS_OF_A_SOUND_STACK = 100
Checked = Callable[[SmallCloud | GuardedCloud], tuple[int, str]]


@pytest.fixture
def run_on(tmp_path: Path) -> Checked:
    """Run the steps on a cloud, and return the exit code and the transcript."""

    def run(cloud: SmallCloud | GuardedCloud, *, count: int = SESSIONS) -> tuple[int, str]:
        transcript = Transcript(tmp_path / "transcript.txt", io.StringIO())
        with cloud:
            code = run_steps(Run(cloud, demo_artifact(), now=cloud.now, count=count), transcript)
        transcript.close()
        assert cloud.deleted == 1
        return code, transcript.path.read_text()

    return run


@pytest.mark.skipif(bool(available()), reason=available() or "")
def test_a_sound_stack_passes_every_step(run_on: Any, tmp_path: Path) -> None:
    # GIVEN the template's stack in the local cloud
    cloud = GuardedCloud(tmp_path)
    # WHEN all steps run
    code, transcript = run_on(cloud, count=SESSIONS_OF_A_SOUND_STACK)

    # THEN each passes, and the transcript ends with the bill
    assert code == 0, transcript
    places = [transcript.index(f"{step.name}: ") for step in STEPS]
    assert places == sorted(places)
    assert f"of {SESSIONS_OF_A_SOUND_STACK} sessions, none failed" in transcript
    assert f"{SESSIONS_OF_A_SOUND_STACK} sessions have all their events" in transcript
    assert "with 10%" in transcript
    assert "rolled back (the hook reported Failed)" in transcript
    assert "planted by make smoke" in cloud.log
    assert transcript.index("estimated bill") > places[-1]
    assert transcript.rstrip().endswith("passed")
    assert "not passed" not in transcript


class AllAtOnce(SmallCloud):
    """Traffic moves without a canary."""

    def deploy(self, release: Release) -> Deployment:
        return Deployment(super().deploy(release).version, ())


class Unguarded(SmallCloud):
    """No hook checks a release."""

    def _check(self, served: Any) -> None:
        return


class Stuck(SmallCloud):
    """The alias stays on its first version."""

    def live_version(self) -> str:
        return "first"


class Forgetful(SmallCloud):
    """A rotation does not keep the previous secret."""

    def rotate(self) -> float:
        effect = super().rotate()
        Secret(self._stack.s3_endpoint).put({"current": SECRETS[1]})
        return effect


class Flaky(SmallCloud):
    """One request of ten fails."""

    count = 0

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        self.count += 1
        return Response(503, {}, 1.0) if self.count % 10 == 0 else super().send(method, path, body)


class WithoutStore(SmallCloud):
    """The store is gone: answers come from the requests' own events, and no verification passes."""

    def _settings(self) -> dict[str, str]:
        return super()._settings() | {"NEXTITEM_STORE_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    ("kind", "step", "fault"),
    [
        (AllAtOnce, "second release", "the traffic moved at once"),
        (Unguarded, "broken release", "the broken release was accepted"),
        (Stuck, "second release", "version first is live"),
        (Forgetful, "sessions from before the rotation", "sessions were lost"),
        (Flaky, "sessions through the API", "requests failed: 503"),
        (WithoutStore, "verify", "not verified within"),
    ],
)
def test_a_fault_fails_its_step_and_the_stack_is_deleted(
    kind: type[SmallCloud], step: str, fault: str, run_on: Any, tmp_path: Path
) -> None:
    code, transcript = run_on(kind(tmp_path))
    assert code == EXIT_FAILED
    assert f"{step} ..." in transcript
    assert f"{step}: " not in transcript
    assert fault in transcript
    assert "estimated bill" in transcript
    assert transcript.rstrip().endswith("not passed")


class Interrupted(SmallCloud):
    """A person presses Ctrl-C during the verification."""

    def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        raise KeyboardInterrupt


def test_ctrl_c_deletes_the_stack(run_on: Any, tmp_path: Path) -> None:
    code, transcript = run_on(Interrupted(tmp_path))
    assert code == EXIT_INTERRUPTED
    assert transcript.index("interrupted") < transcript.index("deleted")


class Leaving(Interrupted):
    """Something cannot be deleted."""

    def delete(self) -> list[str]:
        super().delete()
        return ["the bucket shop: aws s3 rb --force s3://shop"]


def test_what_is_left_is_named_and_fails_the_run(run_on: Any, tmp_path: Path) -> None:
    code, transcript = run_on(Leaving(tmp_path))
    assert code == EXIT_FAILED
    assert "LEFT: the bucket shop: aws s3 rb --force s3://shop" in transcript


def test_the_clean_up_follows_an_unexpected_error(tmp_path: Path) -> None:
    class Broken(SmallCloud):
        def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
            raise ZeroDivisionError

    transcript = Transcript(tmp_path / "transcript.txt", io.StringIO())
    cloud: AbstractContextManager[SmallCloud] = Broken(tmp_path)
    with cloud as broken, pytest.raises(ZeroDivisionError):
        run_steps(Run(broken, demo_artifact(), now=broken.now), transcript)
    transcript.close()
    assert broken.deleted == 1
    assert "FAILED: ZeroDivisionError" in transcript.path.read_text()

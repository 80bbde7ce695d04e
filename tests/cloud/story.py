"""What happens to a stack from its deployment to its deletion, each actor under its own policy.

Each step checks its own outcome and raises an error if it is not as on AWS.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from devstack.cloud.actors import PROMOTER, PUBLISHER, SHOP, STOCK, ActorFailed, Answer
from devstack.cloud.cloud import LocalCloud
from devstack.cloud.iam.authority import Credentials
from devstack.cloud.services.code_deploy import DeploymentStopped
from devstack.publish import demo_artifact
from devstack.template.stack import Edit
from nextitem.registry.route import history_key
from tests.cloud.learning import fill_and_compact, retrain

RETAINED = {"ModelBucket", "ModelBucketPolicy", "Key"}
"""What a deleted stack leaves behind, by logical id."""
LEFT_OVER = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "s3", "kms"}
"""The same, as `LocalCloud.left_over` names it: by the template's types, and by service at moto."""
SESSION = "/v1/sessions/visitor-1"
SHOWN = 5
OTHER_ORIGIN = "https://other.example.com"
REPLACE = """
import os, sys

import boto3

boto3.client("s3").put_object(Bucket=os.environ["NEXTITEM_BUCKET"], Key=sys.argv[1], Body=b"another past")
"""
"""Writes an object, whatever is there."""
ATTEMPTS, PAUSE_SECONDS = 20, 0.3
"""Of a client whose event was not stored, or that the API asked to come back."""


class Story:
    """One life of a stack.

    Args:
        cloud: a running cloud.
        folder: for files.
    """

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self._cloud, self._folder = cloud, folder
        self._version = demo_artifact().name
        self._items = ["tea-001", "teapot-002", "tea-003"]
        self._length = 0

    @property
    def steps(self) -> dict[str, Callable[[], None]]:
        """The steps after the deployment, by name, in their order."""
        return {
            "publish": self.publish,
            "catalogue": self.catalogue,
            "promote": self.promote,
            "serve": self.serve,
            "learn": self.learn,
            "browse": self.browse,
            "refuse": self.refuse,
            "availability": self.availability,
            "products": self.products,
            "rotate": self.rotate,
            "release": self.release,
            "bad release": self.bad_release,
            "delete": self.delete,
        }

    def publish(self) -> None:
        """The publisher publishes the demo model and lists it; a second time changes nothing."""
        publisher = self._cloud.actors.credentials(PUBLISHER)
        for _ in range(2):
            assert self._version in self._cloud.actors.nextitem(publisher, "publish", demo_artifact())
        assert self._version in self._cloud.actors.nextitem(publisher, "versions")

    def catalogue(self) -> None:
        """The shop's system publishes its products; the promotion joins them with the model."""
        shop = self._cloud.actors.credentials(SHOP)
        file = self._products(dict.fromkeys(self._items, 5))
        self._cloud.actors.nextitem(shop, "items", "publish", file)

    def promote(self) -> None:
        """The promoter lets it take traffic."""
        promoter = self._cloud.actors.credentials(PROMOTER)
        self._cloud.actors.nextitem(promoter, "promote", self._version)

    def serve(self) -> None:
        """A backend appends events over HTTP and by direct invoke, and gets recommendations, also without a session."""
        self._cloud.functions.retire_workers()  # under SnapStart they were made before there was a model
        caller = self._cloud.caller()
        health = self._until(
            "the store is ok", lambda: self._health(caller), lambda answer: answer.body["store"] == "ok"
        )
        assert health.body["status"] == "ok", health
        assert health.body["model"]["version"] == self._version, health
        for item in self._items:
            self._append(item)
        similar = self._request(self._cloud.caller(), "GET", f"/v1/items/{self._items[0]}/similar?limit={SHOWN}")
        assert similar.body["served_by"] == "similar", similar
        self._until(
            "the events are counted among what trends",
            self._append_and_list_trending,
            lambda answer: answer.body["served_by"] == "trending",
        )
        backend = self._cloud.actors.backend()
        event = {"operation": "get_recommendations", "session_id": "direct", "limit": SHOWN}
        answer = self._cloud.actors.invoke(backend, self._cloud.alias_arn, event)
        assert answer["model"]["version"] == self._version, answer
        assert self._cloud.deployment.outputs["ApiUrl"] == self._cloud.api_endpoint
        assert self._cloud.undelivered() == []

    def learn(self) -> None:
        """The lake fills and forgets; a retraining gives a canary, which is looked at and rolled back."""
        if self._cloud.values.get("Learning") == "scheduled":
            fill_and_compact(self._cloud, self._until, self._request, self._length)
            retrain(self._cloud)

    def browse(self) -> None:
        """Pages of the listed origins may call every route, and no other page may."""
        calls = (("POST", f"{SESSION}/events"), ("GET", f"{SESSION}/recommendations"), ("DELETE", SESSION))
        origins = [origin for origin in str(self._cloud.values.get("CorsOrigins", "")).split(",") if origin]
        for method, path in calls:
            for origin in (*origins, OTHER_ORIGIN):
                may = self._cloud.actors.may_call(origin, method, path, {"authorization", "content-type"})
                assert may == (origin in origins), (origin, method)

    def refuse(self) -> None:
        """No actor can do what another actor's policy is for."""
        actors = self._cloud.actors
        publisher, promoter, shop, stock = map(actors.credentials, (PUBLISHER, PROMOTER, SHOP, STOCK))
        for who, command in (
            (publisher, ("promote", self._version, "--exclude-seen")),
            (stock, ("promote", self._version, "--exclude-seen")),
            (shop, ("promote", self._version, "--exclude-seen")),
            (publisher, ("items", "publish", self._products({"tea-001": 0}))),
            (promoter, ("items", "publish", self._products({"tea-001": 0}))),
            (promoter, ("availability", "--unavailable", self._list(["tea-001"]))),
        ):
            with pytest.raises(ActorFailed, match=r"AccessDenied|denied|403|Forbidden"):
                actors.nextitem(who, *command)
        if self._cloud.jwt is None:
            assert actors.request(publisher, "GET", "/v1/health").status == 403
        else:
            assert actors.request("no token", "GET", "/v1/health").status == 401
        with pytest.raises(ActorFailed, match="AccessDenied"):
            actors.invoke(publisher, self._cloud.alias_arn, {"operation": "health"})
        # The promoter may write routes/*; the folder of their revisions is protected by the bucket's policy.
        with pytest.raises(ActorFailed, match=r"AccessDenied.*explicit deny in a resource-based policy"):
            actors.python(promoter, "-c", REPLACE, history_key("live", 1))

    def availability(self) -> None:
        """The stock system takes the best item off sale; then it is not recommended."""
        best = self._read().body["recommendations"][0]["item_id"]
        stock = self._cloud.actors.credentials(STOCK)
        self._cloud.actors.nextitem(stock, "availability", "--unavailable", self._list([best]))
        assert best in self._cloud.actors.nextitem(stock, "availability")
        self._cloud.functions.retire_workers()
        shown = [item["item_id"] for item in self._read().body["recommendations"]]
        assert best not in shown
        assert len(shown) == SHOWN

    def products(self) -> None:
        """The shop's system says that the best item has no stock; then it is not recommended, until that is undone."""
        best = self._read().body["recommendations"][0]["item_id"]
        shop = self._cloud.actors.credentials(SHOP)
        self._cloud.actors.nextitem(shop, "items", "publish", self._products({best: 0, self._items[0]: 5}))
        self._cloud.functions.retire_workers()
        assert best not in [item["item_id"] for item in self._read().body["recommendations"]]
        self._cloud.actors.nextitem(shop, "items", "rollback")
        assert "live" in self._cloud.actors.nextitem(shop, "items", "versions")
        self._cloud.functions.retire_workers()
        assert best in [item["item_id"] for item in self._read().body["recommendations"]]

    def rotate(self) -> None:
        """The key secret gets a new value, and the session goes on."""
        self._cloud.rotate()
        self._cloud.functions.retire_workers()
        self._append("tea-005")

    def release(self) -> None:
        """A second version checks itself, takes traffic, and finds the session."""
        before = self._cloud.functions.version(self._cloud.alias_arn)
        self._cloud.release(edit=_with(self._cloud.edit, NEXTITEM_DEADLINE_MS="121"))
        assert self._cloud.functions.version(self._cloud.alias_arn) == str(int(before) + 1)
        self._append("tea-007")

    def bad_release(self) -> None:
        """A version that cannot read its bucket is not let in, and the stack serves as before."""
        before = self._cloud.functions.version(self._cloud.alias_arn)
        with pytest.raises(DeploymentStopped, match="Failed"):
            self._cloud.release(edit=_with(self._cloud.edit, NEXTITEM_BUCKET="a-bucket-that-is-not-there"))
        assert self._cloud.functions.version(self._cloud.alias_arn) == before
        self._append("tea-008")

    def delete(self) -> None:
        """Only what holds models stays."""
        self._cloud.actors.dismiss()
        retained = {resource.logical_id for resource in self._cloud.delete()}
        assert retained == RETAINED
        assert {kind for kind, _ in self._cloud.left_over()} == LEFT_OVER

    def _append(self, item: str) -> None:
        """Append an event to the visitor's session, which must be the one of the steps before.

        A cold environment may be too slow for its store; then the same event is sent again, as clients do.
        """
        self._length += 1
        event = {"item_id": item, "event_id": f"event-{self._length}"}
        body = {"events": [event], "limit": SHOWN}

        def append() -> Answer:
            return self._request(self._cloud.caller(), "POST", f"{SESSION}/events", body)

        answer = self._until("the event is stored", append, lambda answer: answer.body["stored"])
        assert (answer.body["served_by"], answer.body["session_length"]) == ("session", self._length), answer

    def _append_and_list_trending(self) -> Answer:
        """Add one more event first: on a busy machine the counts of earlier ones may be lost."""
        self._append(self._items[0])
        return self._request(self._cloud.caller(), "GET", f"/v1/trending?limit={SHOWN}")

    def _health(self, caller: Credentials | str) -> Answer:
        return self._request(caller, "GET", "/v1/health")

    def _until(self, what: str, ask: Callable[[], Answer], is_done: Callable[[Answer], bool]) -> Answer:
        """Ask until the answer is as it must be."""
        for _ in range(ATTEMPTS):
            answer = ask()
            if is_done(answer):
                return answer
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"never was it so that {what}: {answer}")

    def _read(self) -> Answer:
        def read() -> Answer:
            return self._request(self._cloud.caller(), "GET", f"{SESSION}/recommendations?limit={SHOWN}")

        return self._until("the session answers", read, lambda answer: answer.body["served_by"] == "session")

    def _request(
        self, caller: Credentials | str, method: str, path: str, body: dict[str, Any] | None = None, status: int = 200
    ) -> Answer:
        """Ask until the answer is as it must be; 503 with Retry-After is asked again, as the API's clients do."""
        for _ in range(ATTEMPTS):
            answer = self._cloud.actors.request(caller, method, path, body)
            if answer.status != 503 or "retry-after" not in answer.headers:
                break
            time.sleep(PAUSE_SECONDS)
        assert answer.status == status, answer
        return answer

    def _products(self, stock: Mapping[str, int]) -> Path:
        path = self._folder / "products.csv"
        rows = [f"{item},The {item},{count}\n" for item, count in stock.items()]
        path.write_text("item_id,title,stock\n" + "".join(rows), encoding="utf-8")
        return path

    def _list(self, items: list[str]) -> Path:
        path = self._folder / "unavailable.txt"
        path.write_text("".join(f"{item}\n" for item in items), encoding="utf-8")
        return path


def _with(edit: Edit | None, **variables: str) -> Edit:
    """Return an edit that also sets variables of the recommend function, which makes a new version."""

    def edit_too(template: dict[str, Any]) -> None:
        if edit is not None:
            edit(template)
        template["Globals"]["Function"]["Environment"]["Variables"] |= variables

    return edit_too

"""The HTTP API lets in whom API Gateway lets in, and invokes what API Gateway may invoke."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from devstack.api_gateway.gateway import Gateway
from devstack.cloud.aws_door.authorization import Authorizer
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.services.http_api import HttpApi
from devstack.lambda_runtime.invocation import Outcome
from devstack.processes.listener import listen
from devstack.processes.loop_thread import LoopThread
from devstack.template.stack import Values
from tests.cloud.matrix import TOKENS
from tests.devstack.api_gateway.test_gateway import Client, Reply
from tests.devstack.cloud.deployments import simulate
from tests.template.edits import Source, properties

HEALTH = "/v1/health"
ORIGIN = TOKENS["CorsOrigins"]
OWN_DOMAIN: Values = {
    "DomainName": "api.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0",
}
Plant = Callable[[Source], object]


class Api:
    """The API of a made-up deployment; its function answers with the event and keeps how it was invoked."""

    def __init__(self, values: Values, plant: Plant | None, resources: ExitStack) -> None:
        self.deployment = simulate(values, plant)
        self.account = self.deployment.account
        self.authority = Authority(self.account)
        self.invoked: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        catalogue = Catalogue(self.deployment)
        self.api = HttpApi(catalogue, self.authority, Authorizer(catalogue), self._answer)
        keys, authorize, cors = self.api.keys, self.api.authorize, self.api.cors
        loop = resources.enter_context(LoopThread("api"))
        gateway = Gateway(self.api.invoke, listen(), keys=keys, authorize=authorize, cors=cors)
        self.url = loop.run(gateway.start())
        resources.callback(lambda: loop.run(gateway.stop()))
        resources.callback(self.goes_on.set)
        self.client = Client(self.url)

    def _answer(self, function_arn: str, event: bytes) -> Outcome:
        self.invoked.append(function_arn)
        self.goes_on.wait()
        return Outcome(event)

    def caller(self, *statements: dict[str, Any]) -> Credentials:
        """Return credentials of a role with one policy, by default for the whole API."""
        owner, role = self.account.iam_arn("root"), self.account.iam_arn("role/caller")
        trust = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "sts:AssumeRole"}
        allowed = statements or (self.statement("HttpApi/*"),)
        self.authority.put_role(role, document(trust), {"call": document(*allowed)})
        return self.authority.assume(role, "caller", by=owner)

    def statement(self, resource: str, effect: str = "Allow") -> dict[str, Any]:
        return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": self.account.arn("execute-api", resource)}

    def signed(
        self,
        who: Credentials,
        method: str = "GET",
        path: str = HEALTH,
        *,
        region: str = "",
        service: str = "execute-api",
    ) -> Reply:
        request = AWSRequest(method, f"{self.url}{path}", {}, b"")
        signer = SigningCredentials(who.access_key_id, who.secret_access_key, who.session_token)
        SigV4Auth(signer, service, region or self.account.region).add_auth(request)
        return self.client.send(method, path, headers=dict(request.headers.items()))

    def with_token(self, headers: dict[str, str] | None = None, /, **claims: Any) -> Reply:
        assert self.api.jwt is not None
        token = {"authorization": f"Bearer {self.api.jwt.token(**claims)}"}
        return self.client.send("GET", HEALTH, headers=token | (headers or {}))


Start = Callable[..., Api]


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as resources:

        def started(values: Values | None = None, plant: Plant | None = None) -> Api:
            return Api(values or {}, plant, resources)

        yield started


def changed(name: str, **values: Any) -> Plant:
    return lambda source: properties(source, name).update(values)


def test_a_signed_request_invokes_the_alias(start: Start) -> None:
    api = start()

    reply = api.signed(api.caller())

    assert reply.status == 200
    assert api.invoked == [api.account.arn("lambda", "function:shop-recommend:live")]
    assert reply.json()["requestContext"]["authorizer"]["iam"]["userArn"].endswith(":assumed-role/caller/caller")


def test_a_request_without_a_signature_or_with_another_one_is_refused(start: Start) -> None:
    api = start()
    caller, stranger = api.caller(), Authority(api.account)
    trust = {"Effect": "Allow", "Principal": {"AWS": api.account.iam_arn("root")}, "Action": "sts:AssumeRole"}
    stranger.put_role(api.account.iam_arn("role/caller"), document(trust), {})
    unknown = stranger.assume(api.account.iam_arn("role/caller"), "caller", by=api.account.iam_arn("root"))

    refused = [
        api.client.send("GET", HEALTH),
        api.signed(caller, region="us-east-1"),
        api.signed(caller, service="lambda"),
        api.signed(unknown),
    ]

    assert [(reply.status, reply.json()) for reply in refused] == [(403, {"message": "Forbidden"})] * 4
    assert api.invoked == []


def test_a_callers_policy_decides_by_method_and_path(start: Start) -> None:
    api = start()
    caller = api.caller(
        api.statement("HttpApi/$default/GET/v1/*"), api.statement("HttpApi/*/GET/v1/sessions/*", effect="Deny")
    )

    statuses = [
        api.signed(caller).status,
        api.signed(caller, "DELETE", "/v1/sessions/a").status,
        api.signed(caller, "GET", "/v1/sessions/a/recommendations").status,
    ]

    assert statuses == [200, 403, 403]


@pytest.mark.parametrize(
    "plant",
    [
        lambda source: (
            source["Resources"]["HttpApiToFunction"].pop("DependsOn") and source["Resources"].pop("HttpApiMayInvoke")
        ),
        changed("HttpApiMayInvoke", Principal="events.amazonaws.com"),
        changed("HttpApiMayInvoke", FunctionName={"Ref": "RecommendFunction"}),  # says nothing of its alias
        changed("HttpApiMayInvoke", SourceArn={"Fn::Sub": "arn:aws:execute-api:eu-central-1:123456789012:other/*"}),
    ],
    ids=["no permission", "another service", "the function, not its alias", "another API"],
)
def test_without_permission_to_invoke_the_answer_is_an_error_without_details(start: Start, plant: Plant) -> None:
    api = start(plant=plant)

    reply = api.signed(api.caller())

    assert (reply.status, reply.json()) == (500, {"message": "Internal Server Error"})
    assert api.invoked == []


def test_the_permission_may_be_for_some_routes_only(start: Start) -> None:
    source_arn = {"Fn::Sub": "arn:aws:execute-api:eu-central-1:123456789012:${HttpApi}/*/GET/*"}
    api = start(plant=changed("HttpApiMayInvoke", SourceArn=source_arn))
    caller = api.caller()

    assert api.signed(caller).status == 200
    assert api.signed(caller, "DELETE", "/v1/sessions/a").status == 500
    assert api.signed(caller, "GET", "/no/such/path").status == 500  # the source is then $default


def test_a_function_that_takes_longer_than_the_integration_allows(start: Start) -> None:
    # GIVEN an integration with the shortest patience, and a function that does not answer
    api = start(plant=changed("HttpApiToFunction", TimeoutInMillis=50))
    api.goes_on.clear()

    # WHEN a request comes THEN it is answered without the function
    assert api.signed(api.caller()).status == 503


@pytest.mark.parametrize(
    ("plant", "values", "status"),
    [
        (changed("HttpApiStage", AutoDeploy=False), {}, 404),
        (changed("HttpApiStage", StageName="prod"), {}, 404),
        (changed("HttpApi", DisableExecuteApiEndpoint=True), {}, 404),
        (lambda source: source["Resources"].pop("HttpApiDomainMapping"), OWN_DOMAIN, 404),
        (None, OWN_DOMAIN, 200),
        (changed("HttpApiStage", DefaultRouteSettings={"ThrottlingBurstLimit": 0}), {}, 429),
        (changed("HttpApiStage", DefaultRouteSettings={"ThrottlingRateLimit": 0.0}), {}, 429),
    ],
    ids=["not deployed", "another stage", "no endpoint", "no mapping", "own domain", "no burst", "no rate"],
)
@pytest.mark.slow
def test_an_api_that_answers_nothing(start: Start, plant: Plant | None, values: Values, status: int) -> None:
    api = start(values, plant)

    assert api.signed(api.caller()).status == status


def test_a_token_of_the_issuer_is_needed(start: Start) -> None:
    api = start(TOKENS)

    assert api.with_token(sub="ann").json()["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "ann"
    assert [api.with_token(aud="another").status, api.with_token(exp=0).status] == [401, 401]
    refused = [api.client.send("GET", HEALTH), api.signed(api.caller())]
    assert [(reply.status, reply.json()) for reply in refused] == [(401, {"message": "Unauthorized"})] * 2


def test_a_token_is_looked_for_where_the_authorizer_says(start: Start) -> None:
    api = start(TOKENS, changed("TokenAuthorizer", IdentitySource=["$request.header.X-Token"]))
    assert api.api.jwt is not None

    assert api.with_token().status == 401
    assert api.with_token({"x-token": api.api.jwt.token()}).status == 200


@pytest.mark.parametrize(
    ("claims", "status"), [({}, 403), ({"scope": "read"}, 403), ({"scope": "read admin"}, 200), ({"scp": "admin"}, 200)]
)
def test_a_route_with_scopes_needs_one_of_them(start: Start, claims: dict[str, Any], status: int) -> None:
    api = start(TOKENS, changed("HealthRoute", AuthorizationScopes=["admin", "owner"]))

    reply = api.with_token(**claims)

    assert reply.status == status
    assert bool(reply.header("www-authenticate")) == (status == 403)


def preflight(api: Api, origin: str, method: str = "POST") -> Reply:
    asks = {"Origin": origin, "Access-Control-Request-Method": method}
    return api.client.send("OPTIONS", "/v1/recommendations", headers=asks)


def test_a_preflight_request_is_answered_by_the_configuration(start: Start) -> None:
    api = start(
        TOKENS,
        lambda source: properties(source, "HttpApi")["CorsConfiguration"]["Fn::If"][1].update(
            AllowMethods=["POST"], AllowHeaders=["x-tea"], MaxAge=60
        ),
    )

    reply = preflight(api, str(ORIGIN))

    assert reply.status == 204
    assert [
        reply.header(f"access-control-{name}") for name in ("allow-origin", "allow-methods", "allow-headers", "max-age")
    ] == [[ORIGIN], ["POST"], ["x-tea"], ["60"]]
    assert preflight(api, "https://other.example").header("access-control-allow-origin") == []
    assert api.invoked == []


@pytest.mark.parametrize(
    "plant",
    [lambda source: source["Resources"].pop("PreflightRoute"), changed("PreflightRoute", AuthorizationType="AWS_IAM")],
    ids=["no route", "a route that wants credentials"],
)
@pytest.mark.slow
def test_a_preflight_request_has_no_credentials(start: Start, plant: Plant) -> None:
    api = start(TOKENS, plant)

    reply = preflight(api, str(ORIGIN))

    assert reply.status in {401, 403}
    assert reply.header("access-control-allow-methods") == []


@pytest.mark.slow
def test_what_is_not_modelled_is_refused_by_name(start: Start) -> None:
    with pytest.raises(ValueError, match=r"HttpApiToFunction: PayloadFormatVersion 1\.0 is not modelled"):
        start(plant=changed("HttpApiToFunction", PayloadFormatVersion="1.0"))
    with pytest.raises(ValueError, match="HttpApi: ProtocolType WEBSOCKET is not modelled"):
        start(plant=changed("HttpApi", ProtocolType="WEBSOCKET"))
    with pytest.raises(ValueError, match="ExposeHeaders of CorsConfiguration is not modelled"):
        start(plant=changed("HttpApi", CorsConfiguration={"AllowOrigins": ["*"], "ExposeHeaders": ["x-tea"]}))


def test_the_event_is_the_one_of_the_routes_key(start: Start) -> None:
    api = start()

    event = json.loads(api.signed(api.caller(), "DELETE", "/v1/sessions/a").body)

    assert (event["routeKey"], event["pathParameters"]) == ("DELETE /v1/sessions/{session_id}", {"session_id": "a"})

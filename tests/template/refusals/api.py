"""Refusals of API Gateway's HTTP APIs."""

import re
from typing import Any

from devstack.template.stack import Values
from tests.template.refusals.cloud import ACCOUNT
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, is_true, number_at, value_at

ROUTE, STAGE, DOMAIN = "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::DomainName"
AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
GUIDE = f"{AWS}/apigateway/latest/developerguide"
REFERENCE = f"{AWS}/apigatewayv2/latest/api-reference"
TOKENS: Values = {"JwtIssuer": "https://login.example.com/", "JwtAudience": "app", "CorsOrigins": "https://a.example"}
OWN: Values = {
    "DomainName": "api.example.com",
    "CertificateArn": f"arn:aws:acm:{ACCOUNT.region}:{ACCOUNT.id}:certificate/0",
}
ROUTE_KEY = re.compile(
    r"\$default|(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) (/[^{} ]*|/\{\w+\}|\{\w+\})*(/\{\w+\+\})?"
)
FORMAT = "AccessLogSettings.Format"


def _configurations(domain: dict[str, Any]) -> list[dict[str, Any]]:
    configurations: list[dict[str, Any]] = domain["DomainNameConfigurations"]
    return configurations


API = (
    Refusal(
        "cors-credentials-from-anywhere",
        ("AWS::ApiGatewayV2::Api",),
        "AllowCredentials excludes the origin *.",
        f"{GUIDE}/http-api-cors.html",
        lambda api, _: (
            is_true(value_at(api, "CorsConfiguration.AllowCredentials"))
            and "*" in value_at(api, "CorsConfiguration.AllowOrigins", [])
        ),
        Planted(
            "HttpApi", {"CorsConfiguration.AllowCredentials": True, "CorsConfiguration.AllowOrigins": ["*"]}, TOKENS
        ),
    ),
    Refusal(
        "cors-age",
        ("AWS::ApiGatewayV2::Api",),
        "MaxAge is -1 to 86400 s.",
        f"{REFERENCE}/apis-apiid.html",
        lambda api, _: not -1 <= number_at(api, "CorsConfiguration.MaxAge", 0) <= 86400,
        Planted("HttpApi", {"CorsConfiguration.MaxAge": 604800}, TOKENS),
    ),
    Refusal(
        "stage-name",
        (STAGE,),
        "A stage name has letters, digits and underscores, or is $default.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-stage.html",
        lambda stage, _: not re.fullmatch(r"\$default|\w+", stage["StageName"], re.ASCII),
        Planted("HttpApiStage", {"StageName": "v1.0"}),
    ),
    Refusal(
        "access-log-format",
        (STAGE,),
        "An access log's format is one line of at most 1024 characters with $context.requestId.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-properties-apigatewayv2-stage-accesslogsettings.html",
        lambda stage, _: (
            "$context.requestId" not in value_at(stage, FORMAT, "")
            or "\n" in value_at(stage, FORMAT, "")
            or len(value_at(stage, FORMAT, "")) > 1024
        ),
        Planted("HttpApiStage", {FORMAT: '{"route":"$context.routeKey"}'}),
    ),
    Refusal(
        "route-key",
        (ROUTE,),
        "A route key is $default, or a method and a path whose greedy variable comes last.",
        f"{GUIDE}/http-api-develop-routes.html",
        lambda route, _: not ROUTE_KEY.fullmatch(route["RouteKey"]),
        Planted("PreflightRoute", {"RouteKey": "OPTIONS /{proxy+}/events"}, TOKENS),
    ),
    Refusal(
        "route-target",
        (ROUTE,),
        "A route's target is integrations/ and an id.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html",
        lambda route, _: not re.fullmatch(r"integrations/[^/]+", route["Target"]),
        Planted("HealthRoute", {"Target": "shop-HttpApiToFunction"}),
    ),
    Refusal(
        "route-without-authorizer",
        (ROUTE,),
        "AuthorizationType JWT needs an AuthorizerId.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html",
        lambda route, _: route.get("AuthorizationType") == "JWT" and "AuthorizerId" not in route,
        Planted("AppendEventsRoute", {"AuthorizerId": ABSENT}, TOKENS),
    ),
    Refusal(
        "token-issuer",
        (AUTHORIZER,),
        "A token's issuer is an https URL.",
        f"{GUIDE}/http-api-jwt-authorizer.html",
        lambda authorizer, _: not value_at(authorizer, "JwtConfiguration.Issuer", "").startswith("https://"),
        Planted("TokenAuthorizer", {"JwtConfiguration.Issuer": "login.example.com"}, TOKENS),
    ),
    Refusal(
        "token-audience",
        (AUTHORIZER,),
        "A token authorizer has at least one audience, and none is empty.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-properties-apigatewayv2-authorizer-jwtconfiguration.html",
        lambda authorizer, _: not all(value_at(authorizer, "JwtConfiguration.Audience", []) or [""]),
        Planted("TokenAuthorizer", {"JwtConfiguration.Audience": []}, TOKENS),
    ),
    Refusal(
        "token-source",
        (AUTHORIZER,),
        "The source of a token is one selection expression with a $.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html",
        lambda authorizer, _: not re.fullmatch(r"\$request\.\w+\.[\w-]+", ",".join(authorizer["IdentitySource"])),
        Planted("TokenAuthorizer", {"IdentitySource": ["route.request.header.Authorization"]}, TOKENS),
    ),
    Refusal(
        "domain-name-case",
        (DOMAIN,),
        "A domain name is in lower case, without underscores.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-domainname.html",
        lambda domain, _: not re.fullmatch(r"(\*\.)?[a-z0-9.-]+", domain["DomainName"]),
        Planted("HttpApiDomain", {"DomainName": "API.example.com"}, OWN),
    ),
    Refusal(
        "domain-endpoint",
        (DOMAIN,),
        "A domain of an HTTP API is REGIONAL.",
        f"{GUIDE}/http-api-custom-domain-names.html",
        lambda domain, _: any(part.get("EndpointType") == "EDGE" for part in _configurations(domain)),
        Planted("HttpApiDomain", {"DomainNameConfigurations.0.EndpointType": "EDGE"}, OWN),
    ),
    Refusal(
        "domain-certificate",
        (DOMAIN,),
        "The certificate of a regional domain is in the region of the API.",
        f"{GUIDE}/http-api-custom-domain-names.html",
        lambda domain, _: any(
            part["CertificateArn"].split(":")[3] != ACCOUNT.region for part in _configurations(domain)
        ),
        Planted(
            "HttpApiDomain",
            {"DomainNameConfigurations.0.CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT.id}:certificate/0"},
            OWN,
        ),
    ),
    Refusal(
        "payload-version",
        ("AWS::ApiGatewayV2::Integration",),
        "A Lambda integration has payload format 1.0 or 2.0.",
        f"{GUIDE}/http-api-develop-integrations-lambda.html",
        lambda integration, _: integration.get("PayloadFormatVersion") not in {"1.0", "2.0"},
        Planted("HttpApiToFunction", {"PayloadFormatVersion": "2"}),
    ),
)

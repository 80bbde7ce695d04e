"""API Gateway: the HTTP API with its routes, stage, authorizer and domain. All names equal those of the API."""

from collections.abc import Callable

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.resources import Resource


def _part(kind: str, id_name: str) -> tuple[Callable[..., Created], Callable[..., None], Callable[..., Created]]:
    """Return how a part of an API, such as a route, is created, deleted and changed."""

    def create(site: Site, declared: Declared) -> Created:
        created = site.clients.call("apigatewayv2", f"Create{kind}", **declared.properties)[id_name]
        return Created(created, {id_name: created})

    def delete(site: Site, resource: Resource) -> None:
        site.clients.call("apigatewayv2", f"Delete{kind}", **_keys(resource))

    def update(site: Site, resource: Resource, declared: Declared) -> Created:
        site.clients.call("apigatewayv2", f"Update{kind}", **_keys(resource) | declared.without("ApiId"))
        return Created(resource.physical_id, resource.attributes)

    def _keys(resource: Resource) -> dict[str, str]:
        return {"ApiId": resource.properties["ApiId"], id_name: resource.physical_id}

    return create, delete, update


def _create_api(site: Site, declared: Declared) -> Created:
    api = site.clients.call("apigatewayv2", "CreateApi", **declared.properties)["ApiId"]
    endpoint = f"https://{api}.execute-api.{site.account.region}.amazonaws.com"
    return Created(api, {"ApiId": api, "ApiEndpoint": endpoint})


def _update_api(site: Site, resource: Resource, declared: Declared) -> Created:
    site.clients.call("apigatewayv2", "UpdateApi", ApiId=resource.physical_id, **declared.without("ProtocolType"))
    return Created(resource.physical_id, resource.attributes)


def _delete_api(site: Site, resource: Resource) -> None:
    site.clients.call("apigatewayv2", "DeleteApi", ApiId=resource.physical_id)


def _create_stage(site: Site, declared: Declared) -> Created:
    settings = declared.properties.get("AccessLogSettings", {})
    groups = {group.attributes["Arn"] for group in site.of_type("AWS::Logs::LogGroup")}
    if "DestinationArn" in settings and settings["DestinationArn"] not in groups:
        raise ValueError(f"AccessLogSettings.DestinationArn: there is no log group {settings['DestinationArn']}")
    site.clients.call("apigatewayv2", "CreateStage", **declared.properties)
    return Created(declared.properties["StageName"])


def _update_stage(site: Site, resource: Resource, declared: Declared) -> Created:
    site.clients.check("apigatewayv2", "UpdateStage", **declared.properties)
    return Created(resource.physical_id)


def _delete_stage(site: Site, resource: Resource) -> None:
    api, stage = resource.properties["ApiId"], resource.physical_id
    site.clients.call("apigatewayv2", "DeleteStage", ApiId=api, StageName=stage)


def _create_domain(site: Site, declared: Declared) -> Created:
    name = declared.properties["DomainName"]
    answer = site.clients.call("apigatewayv2", "CreateDomainName", **declared.properties)
    target = answer["DomainNameConfigurations"][0]
    attributes = {
        "RegionalDomainName": target.get("ApiGatewayDomainName", f"d-{name}"),
        "RegionalHostedZoneId": target.get("HostedZoneId", ""),
    }
    return Created(name, attributes)


def _delete_domain(site: Site, resource: Resource) -> None:
    site.clients.call("apigatewayv2", "DeleteDomainName", DomainName=resource.physical_id)


def _create_mapping(site: Site, declared: Declared) -> Created:
    mapping = site.clients.call("apigatewayv2", "CreateApiMapping", ApiMappingKey="", **declared.properties)
    return Created(mapping["ApiMappingId"], {"ApiMappingId": mapping["ApiMappingId"]})


def _delete_mapping(site: Site, resource: Resource) -> None:
    domain = resource.properties["DomainName"]
    site.clients.call("apigatewayv2", "DeleteApiMapping", ApiMappingId=resource.physical_id, DomainName=domain)


_API_CHANGES = names("Name DisableExecuteApiEndpoint CorsConfiguration Description")
_STAGE_CHANGES = names("AutoDeploy DefaultRouteSettings RouteSettings AccessLogSettings Description")
_INTEGRATION_CHANGES = names("IntegrationType IntegrationUri PayloadFormatVersion TimeoutInMillis Description")
_ROUTE_CHANGES = names("RouteKey Target AuthorizationType AuthorizerId AuthorizationScopes OperationName")
_AUTHORIZER_CHANGES = names("Name AuthorizerType IdentitySource JwtConfiguration")
_OF_API = names("ApiId")

TYPES = (
    ResourceType(
        "AWS::ApiGatewayV2::Api",
        _API_CHANGES | names("ProtocolType"),
        _create_api,
        _delete_api,
        update=_update_api,
        changeable=_API_CHANGES,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Stage",
        _STAGE_CHANGES | _OF_API | names("StageName"),
        _create_stage,
        _delete_stage,
        update=_update_stage,
        changeable=_STAGE_CHANGES,
        named_by="StageName",
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Integration",
        _INTEGRATION_CHANGES | _OF_API,
        *_part("Integration", "IntegrationId"),
        changeable=_INTEGRATION_CHANGES,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Route",
        _ROUTE_CHANGES | _OF_API,
        *_part("Route", "RouteId"),
        changeable=_ROUTE_CHANGES,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Authorizer",
        _AUTHORIZER_CHANGES | _OF_API,
        *_part("Authorizer", "AuthorizerId"),
        changeable=_AUTHORIZER_CHANGES,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::DomainName", names("DomainName DomainNameConfigurations"), _create_domain, _delete_domain
    ),
    ResourceType("AWS::ApiGatewayV2::ApiMapping", names("ApiId DomainName Stage"), _create_mapping, _delete_mapping),
)

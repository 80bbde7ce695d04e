"""The API's OpenAPI document, generated from the typed structs of the service, and a viewer for it."""

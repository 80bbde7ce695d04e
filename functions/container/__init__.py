"""The container entry point: the same API as the Lambda function, served by an ASGI server (decision 46)."""

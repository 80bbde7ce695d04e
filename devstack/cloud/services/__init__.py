"""AWS services that call the stack's functions: API Gateway, CodeDeploy and Secrets Manager's rotation."""

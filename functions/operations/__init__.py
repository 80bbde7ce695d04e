"""Functions beside the service: what CodeDeploy and Secrets Manager call. Each module is a function of its own.

They import what Lambda's runtime has, and nothing of the service.
"""

"""Lambda functions that CodeDeploy and Secrets Manager call; each module is one function.

They import only what Lambda's Python runtime has.
"""

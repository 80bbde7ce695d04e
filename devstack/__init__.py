"""The whole stack on one machine, on loopback only: for people and for tests, never deployed.

Valkey, the Lambda runtime client and the function are the real ones. S3 and Secrets Manager are moto's. API Gateway
and Lambda's control of its workers are written here after AWS's documents. No signature is checked, so no port may be
reachable from another machine.
"""

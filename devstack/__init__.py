"""The whole stack on one machine, on loopback only: for people and for tests, never deployed.

Every part is the real thing where a real thing can run without a container engine: Valkey, the
Lambda runtime client and the function are real, the bucket is moto's, and API Gateway and Lambda's
control of its workers are written here after AWS's documents. There is no IAM: nothing here checks
a signature, and nothing here may be reachable from another machine.
"""

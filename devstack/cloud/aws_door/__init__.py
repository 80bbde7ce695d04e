"""The HTTPS door of the AWS services: checks signatures and policies, then lets moto or the local cloud answer."""

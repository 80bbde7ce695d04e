"""The monthly cost of a deployment at list prices."""

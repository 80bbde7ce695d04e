"""Tests of the image and of the manifests for Kubernetes."""

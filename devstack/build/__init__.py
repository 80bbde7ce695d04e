"""Tools of `make build`: find an interpreter, describe the artifact, name the release."""

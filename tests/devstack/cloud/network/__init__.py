"""The network of the local cloud: what the template lets a function reach, in real namespaces."""

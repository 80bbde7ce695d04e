"""Functions of the local cloud: real workers in real namespaces, with the template's variables."""

"""What callers of a local cloud can reach: network namespaces, names, certificates, routes from the template."""

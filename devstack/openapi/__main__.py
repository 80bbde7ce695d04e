"""``python -m devstack.openapi``: write docs/openapi.json."""

from devstack.openapi.document import PATH, encode

if __name__ == "__main__":
    PATH.write_bytes(encode())

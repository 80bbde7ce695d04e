"""Python package indexes on loopback, with empty wheels."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote, unquote

from packaging.utils import canonicalize_name

from bench.common.loopback_http import LoopbackHttp


@dataclass(frozen=True)
class Wheel:
    """A wheel without modules, for every platform."""

    name: str
    version: str
    requires: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The file's name, which pip takes name and version from."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def write(self, folder: Path) -> Path:
        """Write the wheel into a folder and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path, info = folder / self.file_name, f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in self.requires)
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{needs}"
            )
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return path


def index(wheels: Sequence[Wheel], folder: Path) -> LoopbackHttp:
    """Return a server of the simple repository API (PEP 503), with the wheels written into a folder."""
    files = {wheel.file_name: wheel.write(folder).read_bytes() for wheel in wheels}

    class Handler(BaseHTTPRequestHandler):
        """Answers `/NAME/` with links and `/files/FILE` with a wheel."""

        def do_GET(self) -> None:
            parts = self.path.strip("/").split("/")
            if parts[0] == "files":
                self._send(files[unquote(parts[1])], "application/octet-stream")
                return
            links = [wheel.file_name for wheel in wheels if [canonicalize_name(wheel.name)] == parts]
            if not links:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            page = "".join(f'<a href="/files/{quote(name)}">{name}</a>' for name in links)
            self._send(f"<!DOCTYPE html><html><body>{page}</body></html>".encode(), "text/html")

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return LoopbackHttp(Handler)

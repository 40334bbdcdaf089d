"""A wrapper for tests of `bisect`: it breaks where something beside it is of some version.

``dated_wrapper.py --breaks-with kserve=0.13.1`` serves V1 predictions as the check
``v1-transport`` wants them, with the standard library only and without TorchServe, until the
package that is named has that version or a later one (``python`` stands for its own). With
``--every-second FILE`` it breaks at each second start, which it counts in that file.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def main() -> None:
    """Serve until the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--breaks-with", action="append", default=[])
    parser.add_argument("--every-second", type=Path)
    parser.add_argument("--http_port", type=int)
    parser.add_argument("--grpc_port", type=int)
    arguments = parser.parse_args()
    serve(arguments.http_port, fault(arguments.breaks_with, arguments.every_second))


def fault(breaks_with: list[str], every_second: Path | None) -> str | None:
    """Say what is wrong here, None where nothing is."""
    if every_second is not None:
        starts = len(every_second.read_text()) if every_second.exists() else 0
        every_second.write_text("x" * (starts + 1))
        if starts % 2:
            return "this was a second start"
    for condition in breaks_with:
        package, _, version = condition.partition("=")
        if numbers(version_of(package)) >= numbers(version):
            return f"{package} is too new"
    return None


def version_of(package: str) -> str:
    """Give the version of a package beside this, or of Python."""
    return platform.python_version() if package == "python" else importlib.metadata.version(package)


def numbers(version: str) -> tuple[int, ...]:
    """Read a version."""
    return tuple(int(part) for part in version.split("."))


def serve(port: int, wrong: str | None) -> None:
    """Answer that every model is ready, and every prediction."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"name": self.path.rpartition("/")[2], "ready": True})

        def do_POST(self) -> None:
            if wrong is not None:
                self._answer(500, {"error": wrong})
            else:
                self._answer(200, {"predictions": [{"transport": "rest"}]})

        def _answer(self, status: int, body: object) -> None:
            encoded = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()

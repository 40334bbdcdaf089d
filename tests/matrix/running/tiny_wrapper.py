"""A wrapper for tests of the harness itself: standard library only, no SDK, no TorchServe.

``tiny_wrapper.py [--exit-code N] [--hang] --http_port P --grpc_port P`` refuses a
PROTOCOL_VERSION other than v1 as it should, with an exit code that can be made wrong; with
v1 it says that every model is ready, and answers all else with 500, or never.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def serve(port: int, hang: bool) -> None:
    """Answer the two questions of the harness's start."""
    # Costly to import, and a refusal is timed.
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            model = self.path.rpartition("/")[2]
            self._answer(200, f'{{"name": "{model}", "ready": true}}')

        def do_POST(self) -> None:
            self._answer(500, '{"error": "a tiny wrapper serves nothing"}')

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--exit-code", type=int, default=2)
    parser.add_argument("--hang", action="store_true")
    parser.add_argument("--http_port", type=int)
    parser.add_argument("--grpc_port", type=int)
    arguments = parser.parse_args()
    value = os.environ.get("PROTOCOL_VERSION")
    if value != "v1":
        line = f"PROTOCOL_VERSION={value!r} is not supported: use v1, v2 or grpc-v2"
        line += " (unset means v1)\n"
        sys.stderr.write(line)
        Path(os.environ["TERMINATION_LOG_PATH"]).write_text(line)
        sys.exit(arguments.exit_code)
    serve(arguments.http_port, arguments.hang)


if __name__ == "__main__":
    main()

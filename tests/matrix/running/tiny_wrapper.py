"""A wrapper for tests of the harness itself: standard library only, no SDK, no TorchServe.

``tiny_wrapper.py [--exit-code N] [--starts FILE] [--unready N] [--logging TEXT] --http_port P
--grpc_port P`` refuses a PROTOCOL_VERSION other than v1 as it should, with an exit code that can be
made wrong; with v1 it says that every model is ready, and answers all else with 500. It adds a line
to FILE for each start; in the first N of these it calls models ready as long as it is waited for
only, and from then on answers 503 and logs TEXT.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# The harness's start, unlike its checks, asks by requests.
_WAITS = "python-requests"


def serve(port: int, unready: str | None) -> None:
    """Answer the harness's start; then call nothing ready and log ``unready``, if given."""
    # Costly to import, and a refusal is timed.
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            model = self.path.rpartition("/")[2]
            ready = unready is None or self.headers["user-agent"].startswith(_WAITS)
            if not ready:
                sys.stderr.write(f"{unready}\n")
            told = "true" if ready else "false"
            self._answer(200 if ready else 503, f'{{"name": "{model}", "ready": {told}}}')

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
    parser.add_argument("--starts", type=Path)
    parser.add_argument("--unready", type=int, default=0)
    parser.add_argument("--logging")
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
    begun = 1
    if arguments.starts:
        with arguments.starts.open("a+") as starts:
            starts.write("a start\n")
            starts.seek(0)
            begun = len(starts.readlines())
    serve(arguments.http_port, arguments.logging if begun <= arguments.unready else None)


if __name__ == "__main__":
    main()

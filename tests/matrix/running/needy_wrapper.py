"""A wrapper for tests of what a pod has: it starts only where it finds what it needs.

It needs a package that no SDK has beside it, and an archive in the model store that its
configuration names; with ``--own-ports HTTP,GRPC`` it opens these, whatever else it is told; with
``--pod-paths`` it reads its configuration where a pod has it, and knows no CONFIG_PATH. Then it
says that every model is ready.
"""

from __future__ import annotations

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import roman

_IN_A_POD = "/mnt/models/config/config.properties"


def main() -> None:
    """Look for what it needs, then serve until the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--own-ports")
    parser.add_argument("--pod-paths", action="store_true")
    parser.add_argument("--http_port", type=int)
    parser.add_argument("--grpc_port", type=int)
    arguments = parser.parse_args()
    config = Path(_IN_A_POD if arguments.pod_paths else os.environ["CONFIG_PATH"])
    look(config)
    own = arguments.own_ports
    serve(int(own.partition(",")[0]) if own else arguments.http_port)


def look(config: Path) -> None:
    """Look for an archive in the model store."""
    lines = config.read_text().splitlines()
    properties = dict(line.partition("=")[::2] for line in lines)
    archives = sorted(Path(properties["model_store"]).glob("*.mar"))
    if not archives or not all(each.stat().st_size for each in archives):
        raise SystemExit(f"{properties['model_store']} holds no archive")
    print(f"{roman.toRoman(len(archives))} archives", flush=True)


def serve(port: int) -> None:
    """Answer that every model is ready."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"name": self.path.rpartition("/")[2], "ready": True}
            encoded = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()

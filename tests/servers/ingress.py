"""An ingress before the right server: nginx, which routes as ingress.conf says."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fixtures import certificates
from tests.servers.running import RightServer

NAME = "contract.models.example.com"
MUTUAL = "mutual.models.example.com"
EMPTY = "empty.models.example.com"
MOVED = "moved.models.example.com"
PREFIX = "/serving/contract"
TOKEN = "c0nf0rm-7f3a91d2"
CA = certificates.certificate(certificates.INGRESS)
# The certificate that the name MUTUAL wants, and its key.
CLIENT = certificates.certificate(certificates.SECOND)
CLIENT_KEY = CLIENT.with_suffix(".key")
_CONFIGURATION = Path(__file__).with_suffix(".conf")


@dataclass(frozen=True)
class Ingress:
    """Where nginx listens, each ``HOST:PORT``.

    Attributes:
        plain: for HTTP/1.1.
        plain_http2: for gRPC without TLS.
        tls: for both over TLS.
    """

    plain: str
    plain_http2: str
    tls: str


@contextlib.contextmanager
def before(server: RightServer, folder: Path) -> Iterator[Ingress]:
    """Run nginx before a server; what it says of a failure goes to the standard error.

    Args:
        folder: for what it writes.
    """
    with contextlib.ExitStack() as stack:
        # Listening already, so that it needn't be waited for, and nobody else takes the ports.
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
            for _ in range(3)
        ]
        ingress = Ingress(*(f"127.0.0.1:{each.getsockname()[1]}" for each in listeners))
        configuration = folder / "nginx.conf"
        configuration.write_text(_configured(ingress, server, folder))
        given = [each.fileno() for each in listeners]
        process = subprocess.Popen(
            [_nginx(), "-p", folder, "-e", "stderr", "-c", configuration],
            env={**os.environ, "NGINX": "".join(f"{each};" for each in given)},
            pass_fds=given,
        )
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        yield ingress
        assert process.poll() is None, f"nginx has ended: {process.returncode}"


def _nginx() -> str:
    # It is where a user's PATH need not lead.
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, "nginx is missing: install nginx-light"
    return found


def _configured(ingress: Ingress, server: RightServer, folder: Path) -> str:
    words = {
        # Else root's nginx serves as a user to whom the folder is closed.
        "USER": "user root;" if os.geteuid() == 0 else "",
        "FOLDER": folder,
        "PREFIX": PREFIX,
        "TOKEN": TOKEN,
        "CERTIFICATE": CA,
        "KEY": CA.with_suffix(".key"),
        "CLIENTS": CLIENT,
        "PLAIN": ingress.plain,
        "PLAIN_HTTP2": ingress.plain_http2,
        "TLS": ingress.tls,
        "NAME": NAME,
        "MUTUAL": MUTUAL,
        "EMPTY": EMPTY,
        "MOVED": MOVED,
        "HTTP": f"127.0.0.1:{server.http_port}",
        "GRPC": server.grpc_target,
    }
    text = _CONFIGURATION.read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    return text

"""How a service is reached: over TLS, with header fields that an ingress wants, through a proxy.

Whatever asks goes by it, and shows so in its lines for a shell: the HTTP client, connections of
bare bytes, and the gRPC client.
"""

from __future__ import annotations

import functools
import shlex
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from kserve_conformance.asking.given_headers import HOST, Header
from kserve_conformance.errors import WrongUsage

# Of a gRPC address that is spoken to over TLS.
GRPC_TLS = "grpcs"
_TLS_SCHEMES = ("https", GRPC_TLS)
# Bytes. More than any proxy has to say of a tunnel.
_LONGEST_REPLY = 65536


class AccessError(WrongUsage):
    """A way to a service that can't be gone as it was described."""


@dataclass(frozen=True)
class Address:
    """Where a service listens.

    Attributes:
        is_tls: whether TLS is spoken there.
    """

    host: str
    port: int
    is_tls: bool = False

    @classmethod
    def of(cls, target: str) -> Address:
        """Take it from an ``http(s)://`` URL, ``HOST:PORT``, or ``grpcs://HOST:PORT``.

        Raises:
            ValueError: where it has no host, or a port that is none.
        """
        parts = urlsplit(target if "://" in target else f"//{target}")
        is_tls = parts.scheme in _TLS_SCHEMES
        port = parts.port
        if not parts.hostname or port == 0:
            raise ValueError(f"{target} has no host, or a port that is none")
        return cls(parts.hostname, port or (443 if is_tls else 80), is_tls)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Access:
    """What every request to a service goes by. Certificates and keys are in PEM.

    Attributes:
        headers: each is sent with every request, in the place of what a check says by its name.
            Host is gRPC's ``:authority``, too, and over TLS the name that the certificate is for.
        ca: certificates to trust; without it those that requests has, which are Mozilla's.
        cert: the suite's own certificate, with its key where ``key`` is None.
        key: the key of that certificate.
        proxy: ``http://HOST:PORT``, which is asked for a tunnel (CONNECT) to whatever is asked,
            so that it is the service that answers. Those of the environment are never asked.
    """

    headers: tuple[Header, ...] = ()
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    proxy: str | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.cert is None:
            raise AccessError("--key needs the certificate that it is for: --cert FILE")
        if self.proxy is not None and not _is_proxy(self.proxy):
            # Not shown: it may hold a password.
            raise AccessError("--proxy: expected http://HOST:PORT, without a user and a password")

    @functools.cached_property
    def host(self) -> str | None:
        """Give what Host says in the place of the address."""
        return next((each.value for each in self.headers if each.name == HOST), None)

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """Give what connections over TLS are made by.

        Raises:
            AccessError: when a file can't be read, or holds something else.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca or DEFAULT_CA_BUNDLE_PATH)
        except OSError as error:
            raise AccessError(f"--ca {self.ca}: {_why(error, 'no certificate in PEM')}") from None
        # As curl and gRPC do: what a company's own authority signs most often lacks what it wants.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.set_alpn_protocols(["http/1.1"])
        if self.cert is not None:
            named = f"--cert {self.cert}" + (f" --key {self.key}" if self.key else "")
            try:
                context.load_cert_chain(self.cert, self.key, password=_refuse_password)
            except OSError as error:
                wrong = "no certificate in PEM with the key that it is for"
                raise AccessError(f"{named}: {_why(error, wrong)}") from None
        return context

    def name(self, address: Address) -> str:
        """Give the name that a certificate has to be for."""
        return _without_port(self.host) if self.host else address.host

    # ------------------------------------------------------------ what is sent

    def sent(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Give the header fields of a request by HTTP, whose own are these."""
        return {**self.chosen(headers), **{each.name: each.value for each in self.headers}}

    def metadata(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """Give the metadata of a gRPC call, whose own are these."""
        sent = self.sent(metadata)
        sent.pop(HOST, None)
        return sent

    def chosen(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Give those of a request's own header fields that are sent."""
        names = {each.name for each in self.headers}
        return {name: value for name, value in headers.items() if name.lower() not in names}

    # ------------------------------------------------------------ connections

    def open(self, address: Address, timeout: float | None) -> socket.socket:
        """Open a connection without TLS, through the proxy where there is one; or an `OSError`."""
        if self.proxy is None:
            return socket.create_connection((address.host, address.port), timeout)
        proxy = Address.of(self.proxy)
        connection = socket.create_connection((proxy.host, proxy.port), timeout)
        try:
            # As urllib3's own connections: else what is sent in two pieces waits in between.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _ask_for_tunnel(connection, address, self.proxy)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, address: Address, timeout: float) -> socket.socket:
        """Open a connection, over TLS where that is spoken; an `OSError` says why there is none."""
        connection = self.open(address, timeout)
        if not address.is_tls:
            return connection
        try:
            return self.tls.wrap_socket(connection, server_hostname=self.name(address))
        except BaseException:
            connection.close()
            raise

    def channel(self, address: Address, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
        """Make a gRPC channel."""
        told: list[tuple[str, Any]] = [*options, ("grpc.enable_http_proxy", 0)]
        target = str(address)
        if self.host is not None:
            told.append(("grpc.default_authority", self.host))
        if self.proxy is not None:
            told.append(("grpc.http_connect_server", target))
            if self.host is None:
                told.append(("grpc.default_authority", target))
            target = str(Address.of(self.proxy))
        if not address.is_tls:
            return grpc.insecure_channel(target, told)
        key = self.key or self.cert
        credentials = grpc.ssl_channel_credentials(
            Path(self.ca or DEFAULT_CA_BUNDLE_PATH).read_bytes(),
            key.read_bytes() if key else None,
            self.cert.read_bytes() if self.cert else None,
        )
        return grpc.secure_channel(target, credentials, told)

    # ------------------------------------------------------------ lines for a shell

    def curl(self, url: str) -> list[str]:
        """Give a URL as curl takes it, and the options that it needs."""
        words = [*self._files("--cacert", "--cert", "--key")]
        parts = urlsplit(url)
        # Where TLS is spoken, the name of the URL is the one that the certificate has to be for.
        if self.host is not None and parts.scheme == "https":
            words += ["--connect-to", f"::{Address.of(url)}"]
            url = parts._replace(netloc=self.host).geturl()
        words += ["--proxy", self.proxy, "--proxytunnel"] if self.proxy else []
        files = dict.fromkeys(str(each.file) for each in self.headers if each.file)
        for each in self.headers:
            is_in_url = each.name == HOST and parts.scheme == "https"
            words += [] if each.file or is_in_url else ["-H", each.shown]
        return [url, *words, *(word for file in files for word in ("-H", f"@{file}"))]

    def grpcurl(self, address: Address) -> str:
        """Give the beginning of a line for a shell: grpcurl, and the options that it needs."""
        words = self._files("-cacert", "-cert", "-key") if address.is_tls else ["-plaintext"]
        words += ["-authority", self.host] if self.host is not None else []
        for each in self.headers:
            words += [] if each.file or each.name == HOST else ["-H", each.shown]
        line = shlex.join(["grpcurl", *words])
        for each in self.headers:
            if each.file and each.name != HOST:
                # grpcurl reads no file of them.
                line += f' -H "$(sed -n {each.line}p {shlex.quote(str(each.file))})"'
        return f"HTTPS_PROXY={shlex.quote(self.proxy)} {line}" if self.proxy else line

    def pipe(self, address: Address) -> str:
        """Give a command that sends what it is given on a connection, and prints what comes."""
        if not address.is_tls:
            via = ["-X", "connect", "-x", str(Address.of(self.proxy))] if self.proxy else []
            return shlex.join(["nc", *via, address.host, str(address.port)])
        words = ["openssl", "s_client", "-quiet", "-connect", str(address)]
        words += ["-servername", self.name(address)]
        words += ["-proxy", str(Address.of(self.proxy))] if self.proxy else []
        return shlex.join([*words, *self._files("-CAfile", "-cert", "-key")])

    @property
    def arguments(self) -> list[str]:
        """Give the command-line arguments that describe it, without a secret."""
        told = self._files("--ca", "--cert", "--key")
        for each in self.headers:
            told += [] if each.file else ["--header", each.shown]
        files = dict.fromkeys(str(each.file) for each in self.headers if each.file)
        told += [word for file in files for word in ("--header-file", file)]
        return [*told, "--proxy", self.proxy] if self.proxy else told

    def _files(self, *options: str) -> list[str]:
        given = zip(options, (self.ca, self.cert, self.key), strict=True)
        return [word for option, file in given if file for word in (option, str(file))]


DIRECT = Access()
"""As what listens on a machine's own address is reached."""


def _is_proxy(text: str) -> bool:
    parts = urlsplit(text)
    try:
        Address.of(text)
    except ValueError:
        return False
    return parts.scheme == "http" and "@" not in text and parts.path in ("", "/")


def _ask_for_tunnel(connection: socket.socket, address: Address, proxy: str) -> None:
    connection.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    reply = b""
    # Byte by byte: what follows is the service's.
    while not reply.endswith(b"\r\n\r\n") and len(reply) < _LONGEST_REPLY:
        byte = connection.recv(1)
        if not byte:
            break
        reply += byte
    status = reply.partition(b"\r\n")[0].decode("latin-1")
    if not status.startswith("HTTP/1.") or status.partition(" ")[2][:1] != "2":
        raise ConnectionError(f"the proxy {proxy} gives no tunnel to {address}: {status!r}")


def _without_port(host: str) -> str:
    return Address.of(host).host


def _refuse_password() -> str:
    raise AccessError("--key: the key is encrypted: give one that is not")


def _why(error: OSError, wrong: str) -> str:
    # TLS's own errors tell the place in OpenSSL.
    return wrong if isinstance(error, ssl.SSLError) else f"can't be read: {error.strerror}"

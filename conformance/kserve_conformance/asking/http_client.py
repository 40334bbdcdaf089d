"""Asks a server by HTTP, as a check wants it to the byte, and shows each request as a curl line."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

from kserve_conformance.asking.access import DIRECT, Access, Address
from kserve_conformance.expect import Departure, shortened
from kserve_conformance.text import concealing

# Seconds. Far above what a model of a test takes; a server that hangs is found out.
TIMEOUT = 10.0
# Seconds without a byte, after which a server is told that no more comes.
_SILENCE = 5.0
# Characters. A line that would be longer stands for its body by a word: a terminal takes no more
# at once, and evidence is cut off where it is longer.
LONGEST_LINE = 3900
# Bytes that need be no HTTP are cut off instead; each may stand there as four characters.
_SHOWN = LONGEST_LINE // 5
# Bytes of a body that are read at once.
_CHUNK = 10240
# Connections that stay open; checks send requests at once.
_KEPT = 10
# A connection that doesn't come about tells so by another error than one that was ended.
_NO_RETRIES = Retry(0, read=False)
_DIRECT: Mapping[str, type[HTTPConnectionPool]] = {
    "http": HTTPConnectionPool,
    "https": HTTPSConnectionPool,
}


class NoAnswer(Departure):
    """The server closed the connection, or said nothing within the time."""

    def shown(self) -> str:
        """Give what there was for a person to read."""
        return str(self)


@dataclass(frozen=True)
class Request:
    """An HTTP request; ``headers`` has all that were chosen for it, and none of an `Access`."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def asked(self) -> str:
        """Give method and path."""
        parts = urlsplit(self.url)
        return f"{self.method} {parts.path}{'?' + parts.query if parts.query else ''}"

    def curl(self, access: Access = DIRECT, version: str | None = None) -> str:
        """Give a line for a shell that sends the same, but for a body that is too long for one.

        ``@BODY`` stands for that, and the line ends with a comment that tells its size. What is a
        secret of the access is in a file that is named, or stands there as ``***``.

        Args:
            version: curl's option for the version of HTTP; of 1.1 where it is None.
        """
        words = ["curl", "-sS", "-i"]
        # Over TLS curl and a server would agree on 2.
        chosen = version or ("--http1.1" if self.url.startswith("https:") else None)
        words += [chosen] if chosen else []
        # curl waits for the body that a HEAD's Content-Length tells of, unless told.
        words += ["--head"] if self.method == "HEAD" else ["-X", self.method]
        words += ["--path-as-is", *access.curl(self.url)]
        headers = access.chosen(self.headers)
        for name, value in headers.items():
            # curl leaves a header without a value out, unless it ends with a semicolon.
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
        if self.body is None:
            return shlex.join(words)
        if "content-type" not in {name.lower() for name in headers}:
            words += ["-H", "content-type:"]
        if len(self.body) <= LONGEST_LINE:
            line = _with_body(words, self.body)
            if len(line) <= LONGEST_LINE:
                return line
        return f"{shlex.join(words)} --data-binary @BODY   # {len(self.body)} bytes"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. The names of ``headers`` are in small letters.

    Attributes:
        asked: method and path of the request, for sentences.
    """

    asked: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = field(default=0.0, compare=False)

    @property
    def media_type(self) -> str:
        """Give that of its Content-Type, in small letters and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Give the body as JSON by RFC 8259, which has no NaN; `Departure` where it is none."""
        try:
            return json.loads(self.body, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise Departure(
                f"{self.asked}: the body of the answer {self.status} is no JSON: "
                f"{shortened(repr(self.body), 200)}"
            ) from None

    def success(self) -> Any:
        """Give the body of an answer that must be 200 with JSON; else raise `Departure`."""
        if self.status != 200:
            raise Departure(
                f"{self.asked}: expected status 200, got {self.status}: "
                f"{shortened(self.text(), 300)}",
                200,
                self.status,
            )
        return self.json()

    def error(self, *statuses: int) -> str:
        """Give the `sentence` of an error answer whose status is one that `failure` takes."""
        self.failure(*statuses)
        return self.sentence()

    def sentence(self) -> str:
        """Give the non-empty ``error`` string of an answer; `Departure` where there is none."""
        told = self.json()
        sentence = told.get("error") if isinstance(told, dict) else None
        if not isinstance(sentence, str) or not sentence.strip():
            raise Departure(
                f'{self.asked}: the answer {self.status} has no "error" string: '
                f"{shortened(self.text(), 200)}",
                {"error": "a sentence"},
                told,
            )
        return sentence

    def failure(self, *statuses: int) -> None:
        """Raise `Departure` where the status is none of these or, without any named, no 4xx."""
        right = self.status in statuses if statuses else 400 <= self.status < 500
        if not right:
            wanted = " or ".join(map(str, statuses)) or "a status 4xx"
            raise Departure(
                f"{self.asked}: expected {wanted}, got {self.status}: "
                f"{shortened(self.text(), 300)}",
                list(statuses) or "4xx",
                self.status,
            )

    def text(self) -> str:
        """Give the body for a person to read."""
        return self.body.decode("utf-8", "backslashreplace")

    def shown(self) -> str:
        """Give the answer for a person to read."""
        told = "".join(f"\n{name}: {value}" for name, value in self.headers.items())
        return f"{self.status}{told}\n\n{shortened(self.text(), 2000)}"


class HttpClient:
    """Sends requests to one server over connections that stay open."""

    def __init__(self, base: str, timeout: float = TIMEOUT, access: Access = DIRECT) -> None:
        self.base = base.rstrip("/")
        self._timeout = timeout
        self._access = access
        self._address = Address.of(base)
        self._pool = _pool(access, self._address)
        self._keeps_one = False

    def send(self, request: Request) -> Answer:
        """Send a request and give its answer, be it a redirection; `NoAnswer` without one."""
        try:
            began = time.perf_counter()
            got = self._sent(request)
            seconds = time.perf_counter() - began
            body = b"".join(got.stream(_CHUNK, decode_content=True))
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(f"{request.asked} was not answered: {error}") from None
        headers = {name.lower(): got.headers[name] for name in got.headers}
        return Answer(request.asked, got.status, headers, body, seconds)

    def _sent(self, request: Request) -> BaseHTTPResponse:
        try:
            got = self._asked(request)
        except ReadTimeoutError:
            raise
        except (HTTPError, OSError):
            if not self._keeps_one:
                raise
            # A server may end a connection that it has kept open at any time, and uvicorn does
            # when an application raised, without saying so in its answer. That is nothing to hold
            # against what is asked next: ask once more, on a new connection.
            self._pool.close()
            self._pool = _pool(self._access, self._address)
            got = self._asked(request)
        self._keeps_one = True
        return got

    def _asked(self, request: Request) -> BaseHTTPResponse:
        # As it was written, where it can be: dots in a path stay, and letters that needn't be
        # encoded are not.
        url = request.url if request.url.isascii() else _encoded(request.url)
        parts = urlsplit(url)
        path = parts.path or "/"
        return self._pool.urlopen(
            request.method,
            f"{path}?{parts.query}" if parts.query else path,
            body=request.body or None,
            headers=self._access.sent(request.headers),
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def send_bytes(self, data: bytes) -> bytes:
        """Send bytes that need be no HTTP on a connection of their own; give all that comes back.

        A whole request should say ``Connection: close``: an answer ends where the server ends the
        connection.

        Raises:
            NoAnswer: when the server can't be reached, or doesn't end the connection in time.
        """
        received = bytearray()
        try:
            with self._access.connect(self._address, _SILENCE) as connection:
                # A server may refuse what it has seen and close before it has read it all.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(data)
                try:
                    _receive(connection, received)
                except TimeoutError:
                    # Most servers take the end of one side over TLS for that of both.
                    if self._address.is_tls:
                        raise
                    # Not sooner: servers drop the request of a client that ended its side.
                    connection.shutdown(socket.SHUT_WR)
                    _receive(connection, received)
        except OSError as error:
            if not received:
                raise NoAnswer(f"{shortened(repr(data), 80)}: no answer: {error}") from None
        return bytes(received)

    def shown_bytes(self, data: bytes) -> str:
        """Give a line for a shell that sends the same bytes, but for secrets."""
        data = concealing.without_in_bytes(data)
        to = self._access.pipe(self._address)
        if len(data) <= LONGEST_LINE:
            line = f"printf {_escaped(data)} | {to}"
            if len(line) <= LONGEST_LINE:
                return line
        told = f"{len(data)} bytes, of which not all are here"
        return f"printf {_escaped(data[:_SHOWN])} | {to}   # {told}"

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _pool(access: Access, address: Address) -> HTTPConnectionPool:
    """Make the connections to a server, made as all else that asks makes them.

    The proxies that the environment names have nothing to say here.
    """
    scheme = "https" if address.is_tls else "http"
    pools = _DIRECT if access.proxy is None else _pools(access)
    more: dict[str, Any] = {}
    if address.is_tls:
        name = access.name(address)
        more = {"ssl_context": access.tls, "server_hostname": name, "assert_hostname": name}
    return pools[scheme](address.host, address.port, maxsize=_KEPT, **more)


def _pools(access: Access) -> Mapping[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return access.open(Address(self.host, self.port), TIMEOUT)

    class TlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return access.open(Address(self.host, self.port), TIMEOUT)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": Pool, "https": TlsPool}


def _encoded(url: str) -> str:
    prepared = requests.Request("GET", url).prepare().url
    assert prepared is not None
    return prepared


def _with_body(words: Sequence[str], body: bytes) -> str:
    try:
        text = body.decode()
        # What can't be seen, a line's end too, is no part of a line to copy.
        if text.startswith("@") or not text.isprintable():
            raise ValueError
    except ValueError:
        return f"printf {_escaped(body)} | {shlex.join([*words, '--data-binary', '@-'])}"
    return shlex.join([*words, "--data-binary", text])


def _receive(connection: socket.socket, received: bytearray) -> None:
    while chunk := connection.recv(65536):
        received += chunk


def _escaped(data: bytes) -> str:
    return shlex.quote("".join(map(_for_printf, data)))


def _for_printf(byte: int) -> str:
    # What printf or a shell would take for its own, as -, is written as a number, too.
    plain = 32 <= byte < 127 and byte not in b"%\\-'"
    return chr(byte) if plain else f"\\{byte:03o}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")

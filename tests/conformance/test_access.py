"""How a service is reached: what each way of asking sends, and what is said of a wrong one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from kserve_conformance.asking import given_headers, http_client
from kserve_conformance.asking.access import Access
from kserve_conformance.asking.http_client import HttpClient, Request
from kserve_conformance.commands.cli import main

from fixtures import certificates
from tests.servers import RightServer, state, tunnel
from tests.servers.http import Answer, Handler
from tests.servers.http import Request as Received

_MODEL = ("--model", state.MODEL)
# Nobody is there under these names: whoever asks for them asks the proxy.
_REST, _GRPC = "rest.invalid:80", "grpc.invalid:81"
_ALL_WAYS = ("--check", "V2-META", "--check", "V2-HEADER", "--check", "GRPC-META")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


@pytest.fixture
def proxy(server: RightServer) -> Iterator[tunnel.Tunnel]:
    with tunnel.running() as started:
        started.places = {_REST: server.http_port, _GRPC: server.grpc_port}
        yield started


def test_each_request_has_the_headers_that_are_given(server: RightServer, tmp_path: Path) -> None:
    """Those that are written by hand, too, and in the place of what a check would send."""
    seen: list[dict[str, str]] = []

    async def keep(request: Received, proceed: Handler) -> Answer:
        seen.append(request.headers)
        return await proceed(request)

    server.rest_fault = keep
    file = tmp_path / "headers.txt"
    file.write_text("Authorization: Bearer t0ken-of-mine\n")
    given = ["--header", "Host: model.example.com", "--header", "X-Tenant: a"]
    way = ["--target", server.url, *_MODEL, *given, "--header-file", str(file)]
    assert main(["run", *way, *_ALL_WAYS, "--out", str(tmp_path)]) == 0
    assert main(["fuzz", *way, "--class", "v2/inputs", "--examples", "2"]) == 0
    wanted = {"host": "model.example.com", "x-tenant": "a"}
    wanted["authorization"] = "Bearer t0ken-of-mine"
    assert [each for each in seen if not wanted.items() <= each.items()] == []
    # Of the agents of urllib3, of hand-written requests, and of fuzzing.
    assert {each["user-agent"].split(" ")[0] for each in seen} == {"kserve-conformance/1.1"}


def test_no_proxy_of_the_surroundings_is_asked(
    server: RightServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _PROXY_VARIABLES:
        for variable in (name, name.upper()):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    way = ["--target", server.url, "--grpc-target", server.grpc_target, *_MODEL]
    assert main(["run", *way, *_ALL_WAYS, "--out", str(tmp_path)]) == 0


def test_a_proxy_that_is_named_is_asked_for_a_tunnel_each_time(
    server: RightServer, proxy: tunnel.Tunnel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the surroundings have nobody ask a proxy for.
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("no_grpc_proxy", "*")
    way = ["--target", f"http://{_REST}", "--grpc-target", _GRPC, *_MODEL, "--proxy", proxy.url]
    assert main(["run", *way, *_ALL_WAYS, "--out", str(tmp_path)]) == 0
    assert set(proxy.asked) == {f"CONNECT {each} HTTP/1.1" for each in (_REST, _GRPC)}


def test_a_proxy_that_refuses_is_told(
    proxy: tunnel.Tunnel, capsys: pytest.CaptureFixture[str]
) -> None:
    way = ["--target", "http://elsewhere.invalid", *_MODEL, "--proxy", proxy.url]
    assert main(["run", *way]) == 3
    told = capsys.readouterr().err
    assert "gives no tunnel to elsewhere.invalid:80: 'HTTP/1.1 403 Forbidden'" in told


_FILE: dict[str, str] = {
    "empty.txt": "\n",
    "short.txt": "Authorization: Bearer abc\n",
    "wrong.txt": "Host: model.example.com\nt0p-secret-token\n",
    "broken.pem": "t0p-secret-token\n",
    "latin.txt": "X-Token: t0p-secret-\xe9\n",
}
_PLAIN = ("--target", "http://h:9")
_TLS = ("--target", "https://h:9")
_FIRST = str(certificates.certificate(certificates.FIRST))
_ENCRYPTED = str(certificates.ENCRYPTED_KEY)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*_PLAIN, "--header", "Host"), "--header: expected NAME: VALUE"),
        ((*_PLAIN, "--header", "Host: a b"), "expected Host: NAME or NAME:PORT"),
        ((*_PLAIN, "--header", "X-A: 1", "--header", "x-a: 2"), "x-a: it is given more than once"),
        ((*_PLAIN, "--header", "Content-Type: a/b"), "content-type is what the suite itself"),
        ((*_PLAIN, "--header", "grpc-timeout: 1"), "grpc-timeout is what the suite itself"),
        ((*_PLAIN, "--header", "X-A: "), "the value of x-a is not of visible ASCII"),
        ((*_PLAIN, "--header", "X-Api-Key: abc"), "fewer than 8 characters"),
        ((*_PLAIN, "--header-file", "empty.txt"), "empty.txt is empty"),
        ((*_PLAIN, "--header-file", "short.txt"), "short.txt, line 1: the value of authorization"),
        ((*_PLAIN, "--header-file", "wrong.txt"), "wrong.txt, line 2: expected NAME: VALUE"),
        ((*_PLAIN, "--header-file", "latin.txt"), "latin.txt: expected ASCII"),
        ((*_PLAIN, "--header-file", "nowhere"), "--header-file nowhere can't be read: No such"),
        ((*_PLAIN, "--ca", _FIRST), "--ca and --cert are for TLS: say https://"),
        ((*_TLS, "--ca", "nowhere"), "--ca nowhere: can't be read: No such file"),
        ((*_TLS, "--ca", "broken.pem"), "--ca broken.pem: no certificate in PEM"),
        ((*_TLS, "--key", _FIRST), "--key needs the certificate"),
        ((*_TLS, "--cert", _FIRST), "first.crt: no certificate in PEM with the key that it is for"),
        ((*_TLS, "--cert", _FIRST, "--key", _ENCRYPTED), "the key is encrypted"),
        ((*_PLAIN, "--proxy", "http://u:t0p-secret-token@h:9"), "without a user and a password"),
        ((*_PLAIN, "--proxy", "h:9"), "--proxy: expected http://HOST:PORT"),
        ((*_PLAIN, "--grpc-target", "https://h:9"), "expected HOST:PORT, or grpcs://HOST:PORT"),
        ((*_PLAIN, "--grpc-target", "grpcs://h"), "expected HOST:PORT, or grpcs://HOST:PORT"),
        (("--target", "https://h:9/a?b=c"), "expected http://HOST:PORT or https://HOST:PORT"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: Sequence[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in _FILE.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments, *_MODEL]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert "t0p-secret" not in said


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (
            lambda: Access(given_headers.read(["Host: m.example.com", "X-A: b"], None)),
            "curl -sS -i -X GET --path-as-is http://h:9/v2 -H 'host: m.example.com' -H 'x-a: b'",
        ),
        (
            lambda: Access(given_headers.read(["Cookie: session=t0p-secret"], None)),
            "curl -sS -i -X GET --path-as-is http://h:9/v2 -H 'cookie: ***'",
        ),
        (
            lambda: Access(proxy="http://p:3128"),
            "curl -sS -i -X GET --path-as-is http://h:9/v2 --proxy http://p:3128 --proxytunnel",
        ),
    ],
)
def test_a_line_shows_how_a_service_is_reached(access: Callable[[], Access], told: str) -> None:
    request = Request("GET", "http://h:9/v2", {"x-a": "of the check"}, None)
    line = request.curl(access())
    own = "" if "x-a" in told else " -H 'x-a: of the check'"
    assert line == told + own


def test_bytes_are_shown_without_secrets() -> None:
    access = Access(given_headers.read(["Authorization: Bearer it's-%-s3cret"], None))
    with closing(HttpClient("http://h:9", access=access)) as client:
        line = client.shown_bytes(b"GET / HTTP/1.1\r\nAuthorization: Bearer it's-%-s3cret\r\n\r\n")
    assert "s3cret" not in line
    assert "Authorization: ***" in line


def test_a_connection_over_tls_may_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_SILENCE", 0.2)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_FIRST, _FIRST.replace(".crt", ".key"))
    answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.sendall(answer)
                while connection.recv(1024):
                    pass

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with closing(HttpClient(url, access=Access(ca=Path(_FIRST)))) as client:
            assert client.send_bytes(b"conformance") == answer
        serving.join()

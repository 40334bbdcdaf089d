"""The suite before a real ingress: nginx, which ends TLS, routes by name and wants a token."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kserve_conformance.asking import given_headers, transcript
from kserve_conformance.asking.access import Access
from kserve_conformance.asking.grpc_client import HEALTH_CHECK
from kserve_conformance.asking.http_client import HttpClient
from kserve_conformance.asking.offer import Offer
from kserve_conformance.asking.server import Server
from kserve_conformance.asking.target import Target
from kserve_conformance.checks.wire import Hand
from kserve_conformance.commands.cli import main
from kserve_conformance.results import results_file

from tests.servers import RightServer, ingress, state, tunnel
from tests.servers.ingress import CA, CLIENT, CLIENT_KEY, EMPTY, MOVED, MUTUAL, NAME, PREFIX, TOKEN

pytestmark = pytest.mark.container

_MODEL = ("--model", state.MODEL)
_KNOWN = (*_MODEL, "--not-ready-model", state.NOT_READY, "--spare-model", state.SPARE)
_WITH_CERTIFICATE = ("--ca", str(CA), "--cert", str(CLIENT), "--key", str(CLIENT_KEY))
# HealthCheckResponse: a model isn't ready, so that the server isn't.
_NOT_SERVING = b"\x08\x02"


@pytest.fixture(scope="module")
def before(
    running: RightServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ingress.Ingress]:
    with ingress.before(running, tmp_path_factory.mktemp("nginx")) as started:
        yield started


@pytest.fixture
def header_file(tmp_path: Path) -> Path:
    """Give what the name's service wants to see of a client."""
    file = tmp_path / "headers.txt"
    file.write_text(f"Authorization: Bearer {TOKEN}\n\nHost: {NAME}\n")
    return file


def _claim(out: Path) -> tuple[str, str]:
    """Give what a claim says, and how it is reproduced."""
    text = (out / "claim.md").read_text()
    told, _, command = text.partition("\n## Reproduce\n")
    return told, command


def test_the_claim_through_an_ingress_is_the_servers_own(
    server: RightServer, before: ingress.Ingress, header_file: Path, tmp_path: Path
) -> None:
    grpc = ["--grpc-target", f"grpcs://{before.tls}"]
    given = ["--ca", str(CA), "--header-file", str(header_file)]
    ways = {
        "direct": ["--target", server.url, "--grpc-target", server.grpc_target],
        "through": ["--target", f"https://{before.tls}{PREFIX}", *grpc, *given],
    }
    for name, way in ways.items():
        assert main(["run", "--strict", *way, *_KNOWN, "--out", str(tmp_path / name)]) == 0
    (direct, _), (claim, command) = (_claim(tmp_path / name) for name in ways)
    assert claim == direct
    assert " ".join([*grpc, *given]) in command
    told = [
        [(each.check, each.verdict, each.message) for each in results_file.read(file).records]
        for file in (tmp_path / name / "results.jsonl" for name in ways)
    ]
    assert told[0] == told[1]
    # Sorted, as those that are asked at once come in any order.
    asked = [
        sorted((each.check, each.number, each.asked, each.status, each.form) for each in seen)
        for seen in (transcript.read(tmp_path / name / transcript.FILE_NAME) for name in ways)
    ]
    assert asked[0] == asked[1]


def test_names_are_routed_without_tls(
    before: ingress.Ingress, header_file: Path, tmp_path: Path
) -> None:
    header_file.write_text(f"Authorization: Bearer {TOKEN}\n")
    way = ["--target", f"http://{before.plain}{PREFIX}", "--grpc-target", before.plain_http2]
    way += ["--header", f"Host: {NAME}", "--header-file", str(header_file), *_MODEL]
    some = [word for each in ("META", "HEADER") for word in ("--check", f"V2-{each}")]
    out = ["--out", str(tmp_path)]
    assert main(["run", *way, *some, "--check", "GRPC-META", *out]) == 0
    assert main(["fuzz", *way, "--examples", "3", "--class", "v2/v", "--class", "wire/"]) == 0


def test_a_client_is_known_by_its_certificate(
    before: ingress.Ingress, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    way = ["--target", f"https://{before.tls}", "--grpc-target", f"grpcs://{before.tls}"]
    way += ["--header", f"Host: {MUTUAL}", *_MODEL]
    some = ["--check", "V2-HEADER", "--check", "GRPC-META", "--out", str(tmp_path)]
    assert main(["run", *way, *_WITH_CERTIFICATE, *some]) == 0
    assert main(["run", *way, "--ca", str(CA), *some]) == 3
    told = capsys.readouterr().err
    assert "a certificate, give --cert" in told
    assert "No required SSL certificate was sent" in told


def test_tls_goes_through_a_tunnel(before: ingress.Ingress, tmp_path: Path) -> None:
    way = ["--target", f"https://{MUTUAL}", "--grpc-target", f"grpcs://{MUTUAL}:443", *_MODEL]
    some = ["--check", "V2-HEADER", "--check", "GRPC-META", "--out", str(tmp_path)]
    with tunnel.running() as proxy:
        proxy.places = {f"{MUTUAL}:443": int(before.tls.rpartition(":")[2])}
        assert main(["run", *way, *_WITH_CERTIFICATE, "--proxy", proxy.url, *some]) == 0


_Way = Callable[[ingress.Ingress], list[str]]


def _at(scheme: str, where: str, *more: str) -> _Way:
    return lambda before: ["--target", f"{scheme}://{getattr(before, where)}", *more]


_CALLED: tuple[str, ...] = ("--ca", str(CA))


@pytest.mark.parametrize("claimed", [(), ("--profile", "v2")], ids=["seen", "claimed"])
@pytest.mark.parametrize(
    ("way", "told"),
    [
        (_at("http", "plain"), "--header 'Host: NAME'"),
        (_at("https", "tls", *_CALLED), "404: nothing there has a route to the service"),
        (_at("http", "plain", "--header", f"Host: {EMPTY}"), "503: the ingress has no pod"),
        (_at("http", "plain", "--header", f"Host: {NAME}"), "401: the ingress wants credentials"),
        (_at("http", "tls"), "400: where it asks for TLS, say https:// in --target"),
        (_at("http", "plain", "--header", f"Host: {MOVED}"), f"(it says: https://{MOVED}/)"),
        (_at("https", "tls"), "(name the authority that signed it with --ca"),
        (_at("https", "plain"), "(if TLS isn't spoken there, say http://"),
        (
            _at("https", "tls", *_CALLED, "--header", "Host: elsewhere.example.com"),
            "elsewhere.example.com",
        ),
    ],
)
def test_an_ingress_is_no_server_that_departs(
    before: ingress.Ingress,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    way: _Way,
    told: str,
    claimed: tuple[str, ...],
) -> None:
    assert main(["run", *way(before), *_MODEL, *claimed, "--out", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert told in said.err
    assert not said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--header", f"Host: {MUTUAL}"], "http2 header with status: 400"),
        (["--header", f"Host: {EMPTY}"], "UNAVAILABLE: the ingress has no pod that is ready"),
        ([], "UNIMPLEMENTED: nothing there has a route to the service"),
    ],
)
def test_an_ingress_is_no_grpc_server_that_departs(
    server: RightServer,
    before: ingress.Ingress,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    told: str,
) -> None:
    way = ["--target", server.url, "--grpc-target", f"grpcs://{before.tls}", "--ca", str(CA), *more]
    assert main(["run", *way, *_MODEL, "--out", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert f"the service behind --grpc-target grpcs://{before.tls} is not reachable" in said
    assert told in said


def test_why_there_is_no_grpc_connection_is_told(
    server: RightServer,
    before: ingress.Ingress,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    way = ["--target", server.url, "--grpc-target", f"grpcs://{before.tls}", *_MODEL]
    assert main(["run", *way, "--answer-timeout", "0.3", "--out", str(tmp_path)]) == 3
    assert "certificate verify failed" in capsys.readouterr().err


def _shell(line: str) -> bytes:
    return subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=30).stdout


def _asking(target: Target, http: HttpClient) -> Server:
    return Server(target, "V2-META-001", http, Offer())


def test_the_lines_that_a_person_copies_go_the_same_way(
    server: RightServer, before: ingress.Ingress, header_file: Path
) -> None:
    by_token = Access(given_headers.read((), header_file), CA)
    by_certificate = Access(given_headers.read([f"Host: {MUTUAL}"], None), CA, CLIENT, CLIENT_KEY)
    grpc = f"grpcs://{before.tls}"
    for access, prefix in ((by_token, PREFIX), (by_certificate, "")):
        url = f"https://{before.tls}{prefix}"
        target = Target(url, state.MODEL, grpc, access=access)
        with (
            closing(HttpClient(url, access=access)) as http,
            closing(_asking(target, http)) as asking,
        ):
            assert asking.get("/v2").status == 200
            assert asking.call_bytes(HEALTH_CHECK, b"") == _NOT_SERVING
            received = asking.send_bytes(Hand(asking).write("GET", "/v2"))
            assert received.startswith(b"HTTP/1.1 200 ")
        by_http, by_grpc, by_hand = (each["request"] for each in asking.exhibit.exchanges)
        assert TOKEN not in by_http + by_grpc + by_hand
        assert _shell(by_http).startswith(b"HTTP/1.1 200 ")
        assert _NOT_SERVING in _shell(by_grpc)
        # Of bytes that were sent as they are, a secret among them is left out.
        status = b"401" if access is by_token else b"200"
        assert _shell(by_hand).startswith(b"HTTP/1.1 " + status)

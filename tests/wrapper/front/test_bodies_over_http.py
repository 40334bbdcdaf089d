"""Bodies that are packed or too large, as real servers of each generation of the SDK read them."""

from __future__ import annotations

import functools
import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from fixtures import payloads
from matrix.running.launch import RunningWrapper
from tests import lending
from tests.wrapper.running import RELEASES, peak_memory, wrapper

pytestmark = pytest.mark.integration

LIMIT = 6_553_500
MEGABYTE = 1_000_000
AT_ONCE = 4


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK, before a TorchServe whose envelope reads V1."""
    instance = lending.instance("kserve", "contract")
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(str(request.param), instance, folder) as running:
        yield running


def _post(subject: RunningWrapper, body: bytes, encoding: str) -> requests.Response:
    return requests.post(
        f"{subject.url}/v1/models/contract:predict",
        data=body,
        headers={"content-type": "application/json", "content-encoding": encoding},
        timeout=60,
    )


def test_packed_bodies_are_answered(subject: RunningWrapper) -> None:
    plain = json.dumps(payloads.load("contract-v1")).encode()
    wanted = _post(subject, plain, "identity").json()
    assert "predictions" in wanted
    assert _post(subject, gzip.compress(plain), "gzip").json() == wanted
    assert _post(subject, zlib.compress(plain), "deflate").json() == wanted
    # As much as a body may have.
    padded = plain.ljust(LIMIT)
    assert _post(subject, gzip.compress(padded), "gzip").json() == wanted


def test_other_encodings_are_415_and_told(subject: RunningWrapper) -> None:
    answer = _post(subject, b"\x8b\x00", "br")
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    assert "Content-Encoding br is not read" in answer.json()["error"]
    assert _post(subject, b"{}", "gzip").status_code == 400


@functools.cache
def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(MEGABYTE)
    return b"".join([*(packer.compress(zeros) for _ in range(600)), packer.flush()])


def test_a_bomb_is_refused_within_its_bound(subject: RunningWrapper) -> None:
    assert _post(subject, gzip.compress(b"{}"), "gzip").status_code == 400
    before = peak_memory(subject, afresh=True)
    answer = _post(subject, _bomb(), "gzip")
    assert answer.status_code == 413
    assert f"max_request_size is {LIMIT} bytes" in answer.json()["error"]
    assert peak_memory(subject) - before < 60 * MEGABYTE


def _open(subject: RunningWrapper, headers: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", subject.http_port), timeout=60)
    connection.sendall(
        f"POST /v1/models/contract:predict HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode()
    )
    return connection


EXPECT = "\r\nExpect: 100-continue"


@pytest.mark.parametrize("expect", ["", EXPECT])
def test_what_announces_too_much_is_refused_before_it_sends(
    subject: RunningWrapper, expect: str
) -> None:
    _see_that_it_is_refused(subject, expect)


def _see_that_it_is_refused(subject: RunningWrapper, expect: str, timeout: float = 60) -> None:
    with _open(subject, f"Content-Length: {10**12}{expect}") as connection:
        connection.settimeout(timeout)
        answer = connection.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        if expect:
            while answer:
                answer = connection.recv(10_000)


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        ('{0:x};a="1"\r\n{1}\r\n0;b\r\nTrailer: 1\r\n\r\n', 200),
        ("{0:X}\r\n{1}\r\n00\r\n\r\n", 200),
        ("0x{0:x}\r\n{1}\r\n0\r\n\r\n", 400),
        ("+{0:x}\r\n{1}\r\n0\r\n\r\n", 400),
    ],
    ids=["extensions and a trailer", "capitals", "prefix", "sign"],
)
def test_chunks_are_read_as_they_are_specified(
    subject: RunningWrapper, chunks: str, status: int
) -> None:
    """RFC 9112, 7.1: a recipient ignores extensions that it doesn't know."""
    body = json.dumps(payloads.load("contract-v1"))
    with _open(subject, "Content-Type: application/json\r\nTransfer-Encoding: chunked") as asking:
        asking.sendall(chunks.format(len(body), body).encode())
        assert asking.recv(12) == f"HTTP/1.1 {status}".encode()


@pytest.mark.parametrize("expect", ["", EXPECT])
def test_a_wrapper_that_reads_first_is_seen(reads_first: RunningWrapper, expect: str) -> None:
    # It waits for the body, or has it sent.
    with pytest.raises((TimeoutError, AssertionError)):
        _see_that_it_is_refused(reads_first, expect, timeout=3)
    small = _post(reads_first, b'{"instances": [1]}', "identity")
    assert small.status_code == 200, "otherwise it is right"
    assert _post(reads_first, bytes(LIMIT + 1), "identity").status_code == 413


@pytest.fixture(scope="module")
def reads_first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWrapper]:
    """A wrapper that is wrong on purpose."""
    instance = lending.instance("kserve", "contract")
    command = "{python} -m fixtures.wrappers.reads_first"
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(RELEASES[1], instance, folder, command=command) as running:
        yield running


def test_a_large_body_arrives_as_it_is(subject: RunningWrapper) -> None:
    text = "".join(map(chr, range(0x20, 0x2020))) * (LIMIT // 50_000)
    for key in ("instances", "inputs"):
        body = json.dumps({key: [text], "parameters": {"a": 1}}, ensure_ascii=False).encode()
        assert len(body) > LIMIT // 4
        (told,) = _post(subject, body, "identity").json()["predictions"]
        assert told["received"] == text


def test_large_bodies_take_little_more_than_they_are(subject: RunningWrapper) -> None:
    # A list of objects takes twenty times its JSON as objects of Python's. It lacks its end, so
    # that TorchServe doesn't get it.
    body = b'{"instances":[' + b"{}," * (LIMIT // 3 - 10)
    # What the first one brings in, such as modules, is no part of what each takes.
    assert _post(subject, body, "identity").status_code == 400
    before = peak_memory(subject, afresh=True)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        # Twice, since memory that was given back need not be found again.
        tries = range(2 * AT_ONCE)
        answers = list(clients.map(lambda _: _post(subject, body, "identity"), tries))
    assert {answer.status_code for answer in answers} == {400}
    assert peak_memory(subject) - before < AT_ONCE * 1.5 * LIMIT


def test_what_goes_on_is_refused_as_soon_as_it_is_too_much(subject: RunningWrapper) -> None:
    chunk = b"%x\r\n%b\r\n" % (MEGABYTE, bytes(MEGABYTE))
    sent = 0
    with _open(subject, "Transfer-Encoding: chunked") as connection:
        connection.settimeout(30)
        answered = 0
        try:
            # 10 GB would be all.
            for sent in range(1, 10_000):
                connection.sendall(chunk)
                if not answered and _has_come(connection):
                    answered = sent
                    assert connection.recv(12) == b"HTTP/1.1 413"
        except (ConnectionError, TimeoutError):
            pass
    # What the system keeps for both ends comes on top of what is read.
    assert LIMIT // MEGABYTE <= answered < 40
    assert sent < 200


def _has_come(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(30)

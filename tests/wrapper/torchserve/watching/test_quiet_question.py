"""The quiet question, at servers that answer, are silent, hang up or aren't there."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.wrapper.torchserve.standin import Standin
from wrapper.address import Address
from wrapper.torchserve.watching.quiet_question import Finding, QuietQuestions
from wrapper.torchserve.watching.vital_signs import VitalSigns

_ANSWER = b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n"


class Netty:
    """Answers as TorchServe does, on connections that aren't to be silent.

    Attributes:
        silent: the numbers of those that are; a negative one is that of all later ones.
        hangs_up: whether each is closed at once.
        connections: how many there have been.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listening.getsockname()[1])
        self.silent: set[int] = set()
        self.hangs_up = False
        self.delay = 0.0
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                self.connections += 1
                self._open.append(taken)
                arguments = (taken, self.connections)
                threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, taken: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            while not self.hangs_up and taken.recv(4096):
                time.sleep(self.delay)
                if number not in self.silent and -1 not in self.silent:
                    taken.sendall(_ANSWER)
            taken.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it, with its connections."""
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def netty() -> Iterator[Netty]:
    """A server that answers."""
    with contextlib.closing(Netty()) as server:
        yield server


@pytest.fixture
def other() -> Iterator[Netty]:
    """Another one."""
    with contextlib.closing(Netty()) as server:
        yield server


def _asking(*servers: Netty, busy: bool = False) -> QuietQuestions:
    return QuietQuestions([server.address for server in servers], lambda is_all: busy and is_all)


def _findings(questions: QuietQuestions) -> list[Finding]:
    return [answer.finding for answer in questions.ask().values()]


def test_one_connection_is_held_for_all_questions(netty: Netty) -> None:
    questions = _asking(netty)
    for _ in range(5):
        assert _findings(questions) == [Finding.AWAKE]
    assert netty.connections == 1


def test_one_silent_connection_is_no_silent_server(netty: Netty) -> None:
    netty.silent = {1}
    questions = _asking(netty)
    assert _findings(questions) == [Finding.AWAKE]
    for _ in range(5):
        assert _findings(questions) == [Finding.AWAKE]
    # The first one, and those that were tried beside it.
    assert netty.connections <= 5


def test_silence_on_all_connections_is_told_of_the_server_that_is_silent(
    netty: Netty, other: Netty
) -> None:
    questions = _asking(netty, other)
    assert _findings(questions) == [Finding.AWAKE, Finding.AWAKE]
    netty.silent = {-1}
    began = time.monotonic()
    assert _findings(questions) == [Finding.SILENT, Finding.AWAKE]
    assert time.monotonic() - began > 0.4
    netty.silent = set()
    assert _findings(questions) == [Finding.AWAKE, Finding.AWAKE]


def test_a_busy_server_is_given_more_time(netty: Netty, other: Netty) -> None:
    netty.delay = other.delay = 1.0
    assert _findings(_asking(netty, other, busy=True)) == [Finding.AWAKE, Finding.AWAKE]
    other.delay = 0.0
    netty.silent = {-1}
    assert _findings(_asking(netty, other, busy=True)) == [Finding.SILENT, Finding.AWAKE]


def test_a_server_whose_process_is_not_seen_is_given_more_time(netty: Netty, other: Netty) -> None:
    signs = VitalSigns(netty.address, other.address)
    netty.delay = 1.0
    assert signs.look().trouble is None
    netty.silent = {-1}
    assert (
        signs.look().trouble == f"TorchServe's inference server at {netty.address} doesn't answer"
    )


def test_a_connection_that_ended_is_made_anew_and_that_is_told(netty: Netty) -> None:
    questions = _asking(netty)
    (first,) = questions.ask().values()
    (second,) = questions.ask().values()
    assert (first.is_new, second.is_new) == (True, False)
    netty._open[0].shutdown(socket.SHUT_RDWR)
    (third,) = questions.ask().values()
    assert (third.finding, third.is_new) == (Finding.AWAKE, True)


def test_nobody_there_and_who_hangs_up_is_told_at_once(netty: Netty, other: Netty) -> None:
    questions = _asking(netty, other)
    questions.ask()
    netty.close()
    other.hangs_up = True
    other._open[0].shutdown(socket.SHUT_RDWR)
    # Not for silent: that takes a while to be sure of.
    assert _findings(questions) == [Finding.GONE, Finding.GONE]


def test_a_server_that_answers_otherwise_is_not_asked_again(standin: Standin) -> None:
    standin.knows_expectations = False
    address = Address("127.0.0.1", standin.server_port)
    questions = QuietQuestions([address], lambda _: False)
    assert questions.is_quiet(address)
    for _ in range(3):
        assert _findings(questions) == [Finding.LOUD]
    assert not questions.is_quiet(address)
    assert standin.paths == ["/ping"]


def test_every_address_of_a_name_is_tried(netty: Netty) -> None:
    # IPv6 comes first, where the server doesn't listen.
    address = Address("localhost", netty.address.port)
    assert _findings(QuietQuestions([address], lambda _: False)) == [Finding.AWAKE]

"""Processes of one wrapper know the same, whichever of them watches and whichever ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from matrix.running.timing import seconds_until
from tests.wrapper.surroundings import Workers
from wrapper.names import Target
from wrapper.torchserve.readiness import Readiness
from wrapper.torchserve.unloaded import Stored, Unloaded
from wrapper.torchserve.watching.folder import SharedFolder
from wrapper.torchserve.watching.schedule import Wish

# As SDKs make processes.
WAYS = ("fork", "spawn")


class _Told(Workers):
    """Says what is in a file, and writes there who asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(digits=None)
        self._folder = folder

    def why_no_worker(self, model: str) -> str | None:
        """Give what the file says."""
        with (self._folder / "asked").open("a") as asked:
            asked.write(f"{multiprocessing.current_process().pid}\n")
        return (self._folder / "reason").read_text() or None


def _serve(readiness: Readiness, asked: Connection) -> None:
    """Answer what the test asks, as a process of the wrapper."""
    while True:
        question, *arguments = asked.recv()
        asked.send(getattr(readiness, question)(*arguments))


def _make(readiness: Readiness, way: str, asked: Connection) -> None:
    """Make processes of a wrapper in one of the ways, without a thread, as it does."""
    making: Any = multiprocessing.get_context(way)
    while True:
        made = making.Process(target=_serve, args=(readiness, asked.recv()))
        made.start()
        asked.send(made.pid)


class Family:
    """Processes that a wrapper has made."""

    def __init__(self, folder: Path, way: str) -> None:
        self._folder = folder
        self.tell("")
        readiness = Readiness(
            ["digits", "other"],
            _Told(folder),
            300,
            unloaded=Unloaded(folder / "unloaded.json"),
            shared=SharedFolder(folder, silence=3.0),
        )
        self._context = multiprocessing.get_context("spawn")
        self._asking, asked = self._context.Pipe()
        self._maker = self._context.Process(target=_make, args=(readiness, way, asked))
        self._maker.start()
        self.members: dict[int, Connection] = {}
        for _ in range(3):
            self.add()

    def add(self) -> None:
        """Make one more."""
        ours, theirs = self._context.Pipe()
        self._asking.send(theirs)
        self.members[self._asking.recv()] = ours

    def tell(self, reason: str) -> None:
        """Have TorchServe say why no worker is READY; nothing where one is."""
        written = self._folder / "new"
        written.write_text(reason)
        written.replace(self._folder / "reason")

    def ask(self, member: int, *question: Any) -> Any:
        """Ask one."""
        self.members[member].send(question)
        return self.members[member].recv()

    def all_say(self, answer: Any, *question: Any) -> Callable[[], bool]:
        """Give what tells whether each of them answers so."""
        return lambda: all(self.ask(each, *question) == answer for each in self.members)

    def watching(self) -> set[int]:
        """Give those that ask TorchServe now."""
        asked = self._folder / "asked"
        asked.write_text("")
        time.sleep(1)
        return {int(line) for line in asked.read_text().splitlines()}

    def end(self, *members: int) -> None:
        """End some as the kernel does."""
        for each in members:
            del self.members[each]
            os.kill(each, signal.SIGKILL)

    def close(self) -> None:
        """End all."""
        self.end(*self.members)
        self._maker.kill()
        self._maker.join()


@pytest.fixture(params=WAYS)
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Family]:
    """A wrapper's processes, made in one of the ways."""
    with contextlib.closing(Family(tmp_path, request.param)) as made:
        yield made


READY = ("is_ready", Target("digits"))


def test_one_asks_for_all_and_another_when_that_has_ended(family: Family) -> None:
    seconds_until(family.all_say(True, *READY), 30)
    for _ in range(2):
        (watching,) = family.watching()
        family.tell("none of its 1 workers is READY")
        assert seconds_until(family.all_say(False, *READY), 5) < 1
        family.end(watching)
        family.tell("")
        assert seconds_until(family.all_say(True, *READY), 5) < 2
    family.add()
    seconds_until(family.all_say(True, *READY), 30)
    assert len(family.watching()) == 1


def test_one_that_stands_still_is_relied_on_no_more(family: Family) -> None:
    seconds_until(family.all_say(True, *READY), 30)
    (watching,) = family.watching()
    os.kill(watching, signal.SIGSTOP)
    stopped = family.members.pop(watching)
    family.tell("none of its 1 workers is READY")
    try:
        seconds_until(family.all_say(False, *READY), 15)
    finally:
        family.members[watching] = stopped
        os.kill(watching, signal.SIGCONT)


def test_what_one_has_unloaded_is_unloaded_for_all(family: Family) -> None:
    seconds_until(family.all_say(True, *READY), 30)
    for member in list(family.members):
        family.ask(member, "set_unloaded", "digits", True)
        assert seconds_until(family.all_say(("other",), "models"), 5) < 1
        family.ask(member, "set_unloaded", "digits", False)
        assert seconds_until(family.all_say(("digits", "other"), "models"), 5) < 1
        assert seconds_until(family.all_say(True, *READY), 5) < 1


def test_a_wish_of_one_reaches_the_one_that_watches(tmp_path: Path) -> None:
    one, other = SharedFolder(tmp_path), SharedFolder(tmp_path)
    assert one.wanted() == set()
    for _ in range(100):
        other.want(Wish.GLANCE)
    assert one.wanted() == {Wish.GLANCE}
    assert one.wanted() == set()


def test_silence_begins_with_the_last_sign_of_life(tmp_path: Path) -> None:
    one, other = (SharedFolder(tmp_path, silence=0.2) for _ in range(2))
    assert not other.is_silent()
    time.sleep(0.3)
    assert not other.is_silent()
    one.beat()
    assert not other.is_silent()
    time.sleep(0.3)
    assert other.is_silent()
    one.beat()
    time.sleep(0.5)
    one.beat()
    assert not other.is_silent()


def test_a_folder_that_has_gone_leaves_a_process_on_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = SharedFolder(tmp_path / "missing")
    readiness = Readiness(["digits"], Workers(digits=None), 300, shared=folder)
    seconds_until(lambda: readiness.is_ready(Target("digits")), 5)
    told = [each for each in caplog.records if "can't tell each other" in each.getMessage()]
    assert len(told) == 1


def _unloaded(path: Path | None, torchserve: str) -> Unloaded:
    unloaded = Unloaded(path)
    unloaded.torchserve = torchserve
    unloaded.begin_anew()
    return unloaded


def test_what_was_unloaded_is_kept_for_the_same_torchserve_alone(tmp_path: Path) -> None:
    path = tmp_path / "unloaded.json"
    first = _unloaded(path, "one")
    stored = {"2.0": Stored("m.mar", 1), "1.0": Stored("old.mar", 0)}
    first.keep("m", stored)
    assert first.names() == frozenset()
    first.take_out("m")
    again = _unloaded(path, "one")
    assert again.names() == {"m"}
    assert again.stored("m") == stored
    assert list(again.stored("m")) == ["2.0", "1.0"]
    another = _unloaded(path, "another")
    assert not another.names()
    assert not another.stored("m")
    assert first.look()
    assert first.names() == frozenset()


def test_what_several_have_unloaded_is_kept_together(tmp_path: Path) -> None:
    one, other = (_unloaded(tmp_path / "unloaded.json", "") for _ in range(2))
    one.take_out("a")
    other.take_out("b")
    assert other.names() == {"a", "b"}
    assert one.look()
    assert one.names() == {"a", "b"}
    assert not one.look()
    one.bring_back("b")
    assert other.look()
    assert other.names() == {"a"}


@pytest.mark.parametrize("text", ["", "[]", '{"models": {"m": 1}, "torchserve": ""}'])
def test_a_file_that_cant_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "unloaded.json"
    path.write_text(text)
    assert Unloaded(path).names() == frozenset()


def test_without_a_file_a_process_knows_its_own(tmp_path: Path) -> None:
    for path in (None, tmp_path / "missing" / "unloaded.json"):
        unloaded = Unloaded(path)
        unloaded.take_out("m")
        assert unloaded.names() == {"m"}

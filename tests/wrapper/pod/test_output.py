"""The container's log: lines as they were written, each with the name of who wrote it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from wrapper.pod.output import Output

MIB = 1 << 20

# Gives the lines of the log, and the last lines that were kept, for the parts that were written.
Carried = Callable[..., tuple[list[bytes], list[str]]]


@pytest.fixture
def carried(tmp_path: Path) -> Carried:
    """What comes of the parts that a process writes: the log's lines, and the last lines kept."""

    def carry(*parts: bytes) -> tuple[list[bytes], list[str]]:
        source, sink = os.pipe()
        log = tmp_path / "log"
        with log.open("wb") as target:
            output = Output()
            output.carry("wrapper", source, target.fileno())
            for part in parts:
                with os.fdopen(os.dup(sink), "wb") as file:
                    file.write(part)
            os.close(sink)
            output.finish(["wrapper"], 60)
            output.close(60)
            return log.read_bytes().split(b"\n")[:-1], output.last_lines("wrapper")

    return carry


def test_lines_have_a_name_and_all_their_bytes(carried: Carried) -> None:
    log, last = carried(b"one\ntw", b"o\n\n\xff\x00\r\nno end")
    assert log == [
        b"wrapper    | " + line for line in (b"one", b"two", b"", b"\xff\x00\r", b"no end")
    ]
    assert last == ["one", "two", "", "\N{REPLACEMENT CHARACTER}\0\r", "no end"]


def test_a_long_line_comes_in_pieces(carried: Carried) -> None:
    text = bytes(range(11, 251)) * (5 * MIB // 240)
    log, last = carried(b"before\n", text + b"\nafter\n")
    marks = [line[:13] for line in log]
    assert marks[:2] == [b"wrapper    | "] * 2
    assert set(marks[2:-1]) == {b"wrapper    + "}
    assert b"".join(line[13:] for line in log[1:-1]) == text
    assert log[-1] == b"wrapper    | after"
    assert last[-1] == "after"
    assert max(map(len, last)) <= 500


def test_it_keeps_the_last_lines(carried: Carried) -> None:
    _, last = carried(*(b"line %d\n" % number for number in range(50)))
    assert last == [f"line {number}" for number in range(40, 50)]


def test_who_writes_much_is_read_to_the_end(carried: Carried) -> None:
    text = b"".join(b"%d %s\n" % (number, b"x" * 90) for number in range(50_000))
    log, _ = carried(text)
    assert b"\n".join(line[13:] for line in log) + b"\n" == text


def test_a_reader_that_is_slow_loses_nothing() -> None:
    slow, target = os.pipe()
    # Whoever has the other end may have made it so.
    os.set_blocking(target, False)
    output = Output()
    names = ("torchserve", "wrapper")
    # Longer than what a pipe takes at once, so that each line is written in parts.
    lines = [b"%d " % number + b"x" * 10_000 for number in range(300)]
    writers = []
    for name in names:
        source, sink = os.pipe()
        output.carry(name, source, target)
        text = b"".join(line + b"\n" for line in lines)
        writers.append(threading.Thread(target=_write, args=(sink, text)))
    for writer in writers:
        writer.start()
    read = bytearray()
    left = len(names) * len(lines)
    while left:
        chunk = os.read(slow, 4096)
        left -= chunk.count(b"\n")
        read += chunk
    for name in names:
        mark = f"{name:<10} | ".encode()
        assert [line[13:] for line in read.split(b"\n") if line.startswith(mark)] == lines
    output.finish(names, 60)
    output.close(60)
    for end in (slow, target):
        os.close(end)


def test_a_log_that_nobody_reads_blocks_nobody() -> None:
    source, sink = os.pipe()
    gone, target = os.pipe()
    os.close(gone)
    output = Output()
    output.carry("wrapper", source, target)
    _write(sink, b"x\n" * MIB)
    output.finish(["wrapper"], 60)
    assert output.last_lines("wrapper") == ["x"] * 10
    output.close(60)
    os.close(target)


def _write(sink: int, text: bytes) -> None:
    with os.fdopen(sink, "wb") as file:
        file.write(text)

"""A pod on the desk that ends by itself: whose end it was, and what that one had said."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

import pytest
from kserve_conformance.errors import ExitCode

from matrix.desk import standing
from matrix.desk.standing import End
from matrix.running import interrupts


@dataclass
class Wrapper:
    """Ends with a code after it was looked at so often."""

    code: int | None = None
    looks: int = 0

    def exit_code(self) -> int | None:
        self.looks -= 1
        return self.code if self.looks < 0 else None

    def log(self) -> str:
        return "".join(f"line {number}\n" for number in range(12))


@dataclass
class TorchServe:
    """Has ended or not, and has told who looked at it."""

    ended: bool = False
    lines: list[str] = field(default_factory=lambda: ["it broke", "x ACCESS_LOG - y", "it ends"])

    def has_ended(self) -> bool:
        return self.ended

    def logs(self) -> str:
        return "\n".join(self.lines)


@pytest.mark.parametrize(("code", "how"), [(0, "exit code 0"), (2, "exit code 2"), (-9, "SIGKILL")])
def test_the_end_of_the_wrapper_is_told_with_its_last_lines(code: int, how: str) -> None:
    end = standing.watch(TorchServe(), Wrapper(code, looks=2))
    assert end == End(
        f"the wrapper has ended with {how}",
        "\n".join(f"line {number}" for number in range(2, 12)),
        ExitCode.AGAINST_SUBJECT,
    )


def test_the_end_of_torchserve_is_told_without_what_looking_at_it_makes_it_log() -> None:
    end = standing.watch(TorchServe(ended=True), Wrapper())
    assert end == End("TorchServe has ended", "it broke\nit ends", ExitCode.NOT_KNOWN)


def test_one_that_said_nothing_is_told_as_such() -> None:
    end = standing.watch(TorchServe(ended=True, lines=[]), Wrapper())
    assert end.last_lines == "(nothing was logged)"


def test_who_was_asked_to_end_watches_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_asked", [signal.SIGTERM])
    with pytest.raises(KeyboardInterrupt):
        standing.watch(TorchServe(), Wrapper(looks=1))

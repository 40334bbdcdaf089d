"""One answer of management serves all who want to know at one moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from wrapper.torchserve import recent
from wrapper.torchserve.description import Description, Worker
from wrapper.torchserve.management_errors import ManagementError
from wrapper.torchserve.recent import Recent

SAID = [Description("1.0", "m.mar", 1, 120.0, (Worker("READY"),))]


class Asked:
    """Answers what the test says, as soon as it says so, and counts the questions."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.says: Sequence[Description] | Exception = SAID
        self.may_answer = threading.Event()
        self.may_answer.set()

    def describe(self, model: str) -> Sequence[Description]:
        """Answer."""
        self.questions.append(model)
        assert self.may_answer.wait(10)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def test_all_of_one_moment_share_a_question() -> None:
    asked = Asked()
    known = Recent(asked.describe)

    async def run() -> None:
        asked.may_answer.clear()
        waiting = [asyncio.ensure_future(known.describe("m")) for _ in range(100)]
        other = asyncio.ensure_future(known.describe("n"))
        await asyncio.sleep(0.05)
        # The first to ask is called off.
        waiting[0].cancel()
        await asyncio.sleep(0)
        asked.may_answer.set()
        assert await asyncio.gather(*waiting[1:], other) == [SAID] * 100
        assert await known.describe("m") == SAID

    asyncio.run(run())
    assert sorted(asked.questions) == ["m", "n"]


def test_what_was_said_before_the_moment_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    known = Recent(asked.describe)
    assert asyncio.run(known.describe("m")) == SAID
    # Another event loop is another one's, and knows what was heard on the first.
    assert asyncio.run(known.describe("m")) == SAID
    assert len(asked.questions) == 1
    monkeypatch.setattr(recent, "_MOMENT", 0.0)
    asked.says = []
    assert asyncio.run(known.describe("m")) == []
    assert len(asked.questions) == 2


def test_no_answer_is_shared_too() -> None:
    asked = Asked()
    known = Recent(asked.describe)
    asked.says = ManagementError("TorchServe doesn't answer (ConnectionRefusedError)")
    assert [asyncio.run(known.describe("m")) for _ in range(3)] == [None] * 3
    assert len(asked.questions) == 1


def test_no_such_model_is_an_answer() -> None:
    asked = Asked()
    asked.says = ManagementError("TorchServe answers 404 when asked about it", 404)
    assert asyncio.run(Recent(asked.describe).describe("m")) == []

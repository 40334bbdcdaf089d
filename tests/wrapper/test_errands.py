"""What is called off ends where it is, and costs nothing where it is done before that."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Coroutine
from typing import Any

import pytest

from wrapper.errands import ClientGone, Errand, Rounds


class Held:
    """Tells whether an errand has given back what it had."""

    def __init__(self) -> None:
        self.is_held = False

    async def hold(self, errand: Errand) -> None:
        """Have it until the errand is called off."""
        with errand:
            self.is_held = True
            try:
                await asyncio.sleep(600)
            finally:
                self.is_held = False


async def _begun(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    return task


def test_what_is_called_off_gives_back_what_it_holds_and_tells_why() -> None:
    async def run() -> None:
        held, errand = Held(), Errand(Looked())
        task = await _begun(held.hold(errand))
        assert held.is_held
        errand.call_off(ClientGone())
        # The first reason stays.
        errand.call_off(KeyError())
        with pytest.raises(ClientGone):
            await task
        assert not held.is_held

    asyncio.run(run())


def test_what_is_done_or_not_begun_is_not_called_off() -> None:
    async def run() -> None:
        errand = Errand(Looked())
        errand.call_off(ClientGone())
        with errand:
            await asyncio.sleep(0)
        errand.call_off(ClientGone())
        # Nor is its task.
        await asyncio.sleep(0)

    asyncio.run(run())


def test_one_within_another_ends_alone() -> None:
    async def both(outer: Errand, inner: Errand) -> str:
        with outer:
            try:
                with inner:
                    await asyncio.sleep(600)
            except KeyError:
                await asyncio.sleep(0)
        return "went on"

    async def run() -> None:
        inner = Errand(Looked())
        task = await _begun(both(Errand(Looked()), inner))
        inner.call_off(KeyError())
        assert await task == "went on"
        outer = Errand(Looked())
        task = await _begun(both(outer, Errand(Looked())))
        outer.call_off(ClientGone())
        with pytest.raises(ClientGone):
            await task

    asyncio.run(run())


def test_a_task_that_its_server_cancels_is_cancelled() -> None:
    async def run() -> None:
        task = await _begun(Held().hold(Errand(Looked())))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


class Looked(Rounds[Errand]):
    """Counts its looks."""

    def __init__(self) -> None:
        super().__init__(0.01, self.count)
        self.looks: list[Errand] = []

    def count(self, errand: Errand) -> None:
        self.looks.append(errand)


def test_each_that_goes_on_is_looked_at_and_none_that_is_done() -> None:
    rounds = Looked()

    async def run() -> None:
        with Errand(rounds):
            pass
        await asyncio.sleep(0.05)
        assert rounds.looks == []
        with Errand(rounds), Errand(rounds):
            await asyncio.sleep(0.1)
        assert len(set(rounds.looks)) == 2
        looked = len(rounds.looks)
        assert looked >= 4
        await asyncio.sleep(0.05)
        assert len(rounds.looks) == looked

    # The second event loop of a process, such as a test's, is looked after, too.
    asyncio.run(run())
    rounds.looks.clear()
    asyncio.run(run())


def test_nothing_is_left_to_do_when_nothing_goes_on() -> None:
    async def run() -> None:
        with Errand(Looked()):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        loop: Any = asyncio.get_running_loop()
        assert loop._scheduled == []

    asyncio.run(run())


def _look(errand: Errand) -> None:
    errand.call_off(ClientGone())


def test_rounds_go_to_another_process_without_what_goes_on() -> None:
    rounds: Rounds[Errand] = Rounds(0.01, _look)

    async def run() -> Rounds[Errand]:
        with Errand(rounds):
            return pickle.loads(pickle.dumps(rounds))  # type: ignore[no-any-return]

    sent = asyncio.run(run())

    async def use() -> None:
        with Errand(sent):
            await asyncio.sleep(600)

    with pytest.raises(ClientGone):
        asyncio.run(use())

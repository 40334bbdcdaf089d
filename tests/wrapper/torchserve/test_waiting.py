"""Which requests are given up because their model, or its version, is there no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from wrapper.errors import ServingError
from wrapper.names import Target
from wrapper.torchserve.waiting import Waiting


class Shelf:
    """Says what the test put there."""

    def __init__(self) -> None:
        self.models_told: tuple[str, ...] = ("m", "n")
        self.told: dict[str, str | None] = {"2.0": None, "1.0": None}
        self.are_all = True

    def models(self) -> tuple[str, ...]:
        """Give the models."""
        return self.models_told

    def versions(self, _: str) -> Mapping[str, str | None]:
        """Give the versions of each."""
        return self.told

    def has_all_versions(self, _: str) -> bool:
        """Tell whether they are all."""
        return self.are_all


def _gone(shelf: Shelf) -> None:
    shelf.told = {}


def _not_listed(shelf: Shelf) -> None:
    shelf.models_told = ("n",)


def _default_gone(shelf: Shelf) -> None:
    shelf.told = {"1.0": None}


def _another_default(shelf: Shelf) -> None:
    shelf.told = {"1.0": None, "2.0": None}


def _died(shelf: Shelf) -> None:
    shelf.told = dict.fromkeys(shelf.told, "none of its 1 workers is READY")


def _default_alone_told(shelf: Shelf) -> None:
    shelf.told, shelf.are_all = {"3.0": None}, False


@pytest.mark.parametrize(
    ("becomes", "version", "is_gone"),
    [
        (_gone, "", True),
        (_gone, "1.0", True),
        (_not_listed, "", True),
        (_default_gone, "", True),
        (_default_gone, "2.0", True),
        (_default_gone, "1.0", False),
        (_another_default, "", False),
        (_died, "", False),
        (_default_alone_told, "", False),
        (_default_alone_told, "1.0", False),
    ],
)
def test_who_waits_for_what_is_gone_is_told(
    becomes: Callable[[Shelf], None], version: str, is_gone: bool
) -> None:
    shelf = Shelf()
    assert _is_told(shelf, becomes, Target("m", version)) == is_gone


def test_where_versions_were_never_told_none_is_missed() -> None:
    shelf = Shelf()
    shelf.told = {}
    assert not _is_told(shelf, lambda _: None, Target("m"))


def test_a_model_that_is_there_again_at_the_next_look_is_waited_for() -> None:
    async def run() -> None:
        shelf, there = Shelf(), Shelf().told
        waiting = Waiting(shelf)
        job = waiting.job(Target("m"))
        for told in ({}, there, {}, there, {}):
            shelf.told = told
            with job:
                waiting._look(job)
                await asyncio.sleep(0)

    asyncio.run(run())


def _is_told(shelf: Shelf, becomes: Callable[[Shelf], None], target: Target) -> bool:
    async def run() -> None:
        with Waiting(shelf).job(target):
            becomes(shelf)
            await asyncio.sleep(1)

    try:
        asyncio.run(run())
    except ServingError as error:
        return error.status == 502
    return False

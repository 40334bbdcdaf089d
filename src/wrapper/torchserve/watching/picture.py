"""What is known of each model: what TorchServe said last, less what has ended since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Callable, NamedTuple

from wrapper.torchserve.description import NOT_READY, READY, Description, Worker, why_none
from wrapper.torchserve.watching.report import NOT_ASKED, Seen
from wrapper.torchserve.watching.schedule import Standing


class Told(NamedTuple):
    """What TorchServe said of a model.

    Attributes:
        reason: in a clause why it can't be served; None when it can.
        versions: the same by version, the default one first.
        described: its versions in full, the default one first; empty where it didn't tell.
        is_followed: whether the end of each of its workers would be seen.
        has_all: whether there are no versions but those, as far as can be known.
        is_open: whether some of what was asked is still to be told.
    """

    reason: str | None = NOT_ASKED
    versions: Mapping[str, str | None] = {}
    described: Sequence[Description] = ()
    is_followed: bool = False
    has_all: bool = False
    is_open: bool = False


class Picture:
    """What is known of each model, for as long as nothing newer is told.

    Args:
        is_dead: tells whether a worker's process has ended.

    Attributes:
        trouble: what keeps TorchServe as a whole from serving, None where nothing does.
    """

    def __init__(self, names: Iterable[str], is_dead: Callable[[Worker], bool]) -> None:
        self._is_dead = is_dead
        self._told = {name: Told() for name in names}
        self.trouble: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in the order in which they came."""
        return tuple(self._told)

    def set_names(self, names: Iterable[str]) -> None:
        """Know these models, and no others."""
        self._told = {name: self._told.get(name, Told()) for name in names}

    def tell(self, name: str, told: Told) -> None:
        """Take what TorchServe says of a model, if it is one of those that are known."""
        if name in self._told:
            self._told[name] = told

    def set_trouble(self, trouble: str | None) -> None:
        """Take what keeps TorchServe from serving; what it said before doesn't count after that."""
        self.trouble = trouble
        if trouble is not None:
            for name, told in self._told.items():
                none_ready = dict.fromkeys(self._seen(told).versions, trouble)
                self._told[name] = Told(trouble, none_ready, has_all=told.has_all)

    def forget(self, name: str) -> None:
        """Know nothing of a model any more."""
        self.tell(name, Told())

    def seen(self) -> dict[str, Seen]:
        """Give what is known of each model now."""
        return {name: self._seen(told) for name, told in self._told.items()}

    def standing(self, name: str) -> Standing:
        """Say how a model is doing, which decides when TorchServe is asked again."""
        told = self._told.get(name, Told())
        seen = self._seen(told)
        if seen.reason is not None or told.is_open or not told.has_all:
            return Standing.WRONG
        if any(state != READY for state in seen.workers):
            return Standing.PARTLY
        return Standing.WELL if told.is_followed else Standing.UNSEEN

    def _seen(self, told: Told) -> Seen:
        if not told.described:
            return Seen(told.reason, told.versions, has_all=told.has_all)
        states = [[self._state(each) for each in of.each_worker] for of in told.described]
        whys = [why_none(each) for each in states]
        versions = {
            of.version: told.versions.get(of.version) or why
            for of, why in zip(told.described, whys)
            if of.version
        }
        every = tuple(state for each in states for state in each)
        return Seen(told.reason or whys[0], versions, every, told.has_all)

    def _state(self, worker: Worker) -> str:
        return NOT_READY if self._is_dead(worker) else worker.state

"""Measures what has a time as its contract: beside other checks, and alone before it is late.

What runs beside can make a subject late, never early. So a time that is kept beside others is kept,
and one that isn't is measured again while the other processes of the run wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.results.exhibit import Exhibit

from matrix.running.spans import Activity, during

# A machine that is busy with other work slows some tries down, hardly ever all of them; what takes
# so many times what it may isn't slow for that.
_MOST_ALONE = 9
_TRY_FOR = 10.0
_FAR_OFF = 3
_CHANCES = 3


@dataclass(frozen=True)
class Measured:
    """What a time came to, in seconds.

    Attributes:
        beside: measured while other checks were run.
        alone: each measured again while no others were; empty where the first was in time.
        decisive: the one that is judged.
    """

    beside: float
    alone: tuple[float, ...]
    decisive: float

    @property
    def best(self) -> float:
        """Give the shortest, which tells the least of how busy the machine was."""
        return min((self.beside, *self.alone))

    def told(self) -> dict[str, object]:
        """Give it as results have it; each figure where it was measured again."""
        every = (self.beside, *self.alone)
        again = {"beside": round(self.beside, 4), "alone": [round(each, 4) for each in self.alone]}
        told = {"best": self.best, "median": statistics.median(every)}
        return {name: round(each, 4) for name, each in told.items()} | (again if self.alone else {})


class Quiet:
    """Says when a check may run, in all processes of a run: beside others, or alone.

    Args:
        folder: one that the processes share, and that is there.
    """

    def __init__(self, folder: Path) -> None:
        # Whoever wants to be alone holds the door first, so that nobody else comes in meanwhile.
        self._door, self._room = folder / "quiet-door", folder / "quiet-room"
        self._share: contextlib.ExitStack | None = None

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Run beside others; waits while one is alone. Not to be nested."""
        with contextlib.ExitStack() as share:
            self._enter(share)
            self._share = share
            try:
                yield
            finally:
                self._share = None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Run alone, once the checks of the other processes that have begun are over."""
        if self._share is not None:
            self._share.close()
        try:
            with contextlib.ExitStack() as locks:
                with during(Activity.TO_BE_ALONE):
                    for path in (self._door, self._room):
                        locks.enter_context(_locked(path, fcntl.LOCK_EX))
                yield
        finally:
            if self._share is not None:
                self._enter(self._share)

    def best(self, seconds: Callable[[], float], at_most: float) -> Measured:
        """Take a time that is always the same but for what else the machine does.

        Where it is longer than it may be, it is taken again alone, until it is kept or tried often
        enough; the best is decisive.

        Args:
            seconds: does what takes the time, and gives it.
        """
        beside = seconds()
        if beside <= at_most:
            return Measured(beside, (), beside)
        with self.alone():
            deadline = time.monotonic() + _TRY_FOR
            alone = [seconds()]
            while (
                at_most < min(alone) <= _FAR_OFF * at_most
                and len(alone) < _MOST_ALONE
                and time.monotonic() < deadline
            ):
                alone.append(seconds())
        return Measured(beside, tuple(alone), min(alone))

    def worst(self, seconds: Callable[[], float], at_most: float) -> Measured:
        """Take a time that differs by chance, such as when a subject looks next.

        Where it is longer than it may be, it is taken again alone, and the longest of these is
        decisive: that one of them is kept tells nothing.
        """
        beside = seconds()
        if beside <= at_most:
            return Measured(beside, (), beside)
        alone: list[float] = []
        with self.alone():
            while len(alone) < _CHANCES and max(alone, default=0.0) <= at_most:
                alone.append(seconds())
        return Measured(beside, tuple(alone), max(alone))

    def again(self, check: Callable[[], None], exhibit: Exhibit) -> None:
        """Make a check whose requests have to come together; where it fails, once more, alone.

        What it failed by is kept in the exhibit.

        Raises:
            AssertionError: as the check does that was made alone.
        """
        try:
            check()
        except AssertionError as error:
            with self.alone():
                check()
            exhibit.expected, exhibit.observed = "passed", {"beside": str(error), "alone": "passed"}

    def _enter(self, share: contextlib.ExitStack) -> None:
        with _locked(self._door, fcntl.LOCK_SH):
            share.enter_context(_locked(self._room, fcntl.LOCK_SH))


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    # The kernel lets go of it when its holder dies.
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield

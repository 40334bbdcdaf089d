"""Time as checks see it: when one was made, what the wrapper wrote meanwhile, and how to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from matrix.running.launch import RunningWrapper
from matrix.running.logs import last_lines
from matrix.running.spans import Activity, during

# Enough for what made the wrapper answer as it did, such as a model that it lost just before.
_LONGEST_BEFORE = 1000
_INTERVAL = 0.02
BEGINS = "--- the check begins ---\n"


@dataclass(frozen=True)
class Moment:
    """The time of a check.

    Attributes:
        began: in seconds since the epoch.
        ended: likewise.
        log: the last lines that the wrapper wrote to stdout and stderr from one to the other.
        before: the last lines that it had written until then.
    """

    began: float
    ended: float
    log: str = ""
    before: str = ""

    @property
    def whole_log(self) -> str:
        """Give what the wrapper wrote, and what led to it, with a line where the check begins."""
        return f"{self.before}{BEGINS}{self.log}" if self.before else self.log


class Watch:
    """Takes the time of a check from here on.

    Args:
        find_wrapper: gives the cell's wrapper, None where none was started.
    """

    def __init__(self, find_wrapper: Callable[[], RunningWrapper | None]) -> None:
        self._find_wrapper = find_wrapper
        wrapper = find_wrapper()
        self._position = wrapper.log_size() if wrapper else 0
        self._began = time.time()

    def moment(self) -> Moment:
        """Give the moment that ends now."""
        wrapper = self._find_wrapper()
        if wrapper is None:
            return Moment(self._began, time.time())
        log = last_lines(wrapper.log_from(self._position))
        # One byte more tells whether the first line is whole.
        before = wrapper.log_from(max(0, self._position - _LONGEST_BEFORE - 1), self._position)
        return Moment(self._began, time.time(), log, last_lines(before, _LONGEST_BEFORE))


@during(Activity.WAITING)
def seconds_until(condition: Callable[[], bool], at_most: float, what: str = "it") -> float:
    """Give the seconds until a condition holds.

    Raises:
        AssertionError: when that takes longer than ``at_most`` seconds; names ``what``.
    """
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < at_most, f"{what} did not happen within {at_most:g} s"
        time.sleep(_INTERVAL)
    return time.monotonic() - started

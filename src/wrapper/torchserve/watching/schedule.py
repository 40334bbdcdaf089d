"""When TorchServe is asked: often while something is wrong or has just changed, else seldom.

Each question is six lines of TorchServe's log (two on stdout, and all of them in files).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Callable

# Seconds between two questions about a model that isn't ready, or of which something has changed.
_OFTEN = 0.2
# The same while it probably starts, seconds since something changed: users wait for it, and nobody
# for one that is broken.
_STARTING, _WHILE_STARTING = 0.08, 60.0
# Seconds between two at least, however many requests meet something unexpected.
_AT_MOST = 0.1
# Seconds between two, at least, because of somebody who asks what the wrapper knows.
_GLANCES = 1.0
# Seconds between two where nothing would be seen of a worker's end. TorchServe itself sees it after
# 0.25 to 0.5 s; what is left of one second is ours.
_UNSEEN = 0.3
# Seconds between two in all, whatever the number of models, where all is well: twice as many lines
# where a model has several versions are one in ten seconds even so.
_SELDOM = 120.0
# Seconds for which a change is followed, though all looks well: TorchServe may not have seen it.
_SETTLING = 2.0
# A model that is served though not all of its workers are is asked about more and more seldom, each
# time when this share of the time since it changed has gone by.
_SHARE = 0.05


class Wish(enum.Enum):
    """Why TorchServe is to be asked soon."""

    HURRY = "a request has met what isn't known yet"
    GLANCE = "somebody is told what is known, which may have changed without being seen"


class Standing(enum.Enum):
    """How a model, or what is asked like one, is doing."""

    WELL = "nothing of it changes without being seen"
    UNSEEN = "well, but its workers' end would not be seen"
    PARTLY = "served, though not all that it has is ready"
    WRONG = "not served, or not told whether it is"


class Schedule:
    """Says which of some names are to be asked about now; a model's name, or any other.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._names: tuple[str, ...] = ()
        self._due: dict[str, float] = {}
        self._changed: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._turn = clock() + _SELDOM
        self._last_turn = ""

    def set_names(self, names: Sequence[str]) -> None:
        """Set what may be asked about; what is new is asked about at once."""
        for name in set(names) - set(self._names):
            self.change([name])
        for name in set(self._names) - set(names):
            for times in (self._due, self._changed, self._asked):
                times.pop(name, None)
        self._names = tuple(names)

    def change(self, names: Sequence[str] | None = None) -> None:
        """Have names, or all, be asked about at once, since something may have become of them."""
        now = self._clock()
        if names is None:
            self._turn = now + _SELDOM
        for name in self._names if names is None else names:
            self._changed[name] = now
            self._due[name] = max(now, self._asked.get(name, -math.inf) + _AT_MOST)

    def glance(self) -> None:
        """Have all be asked about once, soon, unless they have been a moment ago."""
        now = self._clock()
        for name in self._names:
            soon = max(now, self._asked.get(name, -math.inf) + _GLANCES)
            self._due[name] = min(self._due.get(name, soon), soon)

    def tell(self, name: str, standing: Standing) -> None:
        """Set when to ask again, after an answer."""
        self._asked[name] = now = self._clock()
        age = now - self._changed.get(name, -math.inf)
        if standing is Standing.WRONG:
            pause = _STARTING if age < _WHILE_STARTING else _OFTEN
        elif age < _SETTLING:
            pause = _OFTEN
        elif standing is Standing.PARTLY:
            pause = min(max(_OFTEN, _SHARE * age), _SELDOM)
        else:
            pause = _UNSEEN if standing is Standing.UNSEEN else math.inf
        self._due[name] = now + pause

    def due(self) -> list[str]:
        """Give the names to ask about now: one in its turn where none has to be."""
        now = self._clock()
        found = [name for name in self._names if self._due.get(name, now) <= now]
        if now >= self._turn and self._names:
            self._turn = now + _SELDOM
            following = [*self._names, *self._names]
            place = following.index(self._last_turn) + 1 if self._last_turn in following else 0
            self._last_turn = following[place]
            return found or [self._last_turn]
        return found

    def pause(self) -> float:
        """Give the seconds until a name is due."""
        now = self._clock()
        first = min((self._due.get(name, now) for name in self._names), default=math.inf)
        return max(0.0, min(first, self._turn) - now)

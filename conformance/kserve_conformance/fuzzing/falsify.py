"""Looks for a request that a server answers wrongly, and makes it small, in a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

# What a finding may cost beside the examples: Hypothesis itself would go on for five minutes.
SHRINKING_REQUESTS = 400
SHRINKING_SECONDS = 20.0


@dataclass(frozen=True)
class Counterexample:
    """A wrong answer.

    Attributes:
        sentence: what was wrong with it.
        line: for a shell, asks for it again.
        ends: whether nothing can be asked any more.
    """

    sentence: str
    line: str
    ends: bool = False


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        asked: how many requests were sent; none where there are no such requests.
        finding: the wrong answer to the smallest request that was tried, None where all were right.
    """

    asked: int
    finding: Counterexample | None


class _Wrong(Exception):
    """Raised in one place, so that Hypothesis takes all wrong answers of a class for one."""


class _Hunt:
    def __init__(self, judge: Callable[[Any], Counterexample | None]) -> None:
        self.asked = 0
        self.last: Counterexample | None = None
        self._judge = judge
        self._wrong: dict[str, Counterexample] = {}
        self._left = SHRINKING_REQUESTS
        self._until = 0.0

    def ask(self, request: Any) -> Counterexample | None:
        key = repr(request)
        if key not in self._wrong:
            if self.last is not None and not self._may_go_on():
                # Taken for right: the smallest that is known to be wrong stays it.
                return None
            self.asked += 1
            finding = self._judge(request)
            if finding is None:
                return None
            if self.last is None:
                self._until = time.monotonic() + SHRINKING_SECONDS
            if finding.ends:
                self._left = 0
            self._wrong[key] = finding
        # Known wrong answers aren't asked for again, so that a server that is wrong now and then
        # can't confuse the search.
        self.last = self._wrong[key]
        return self.last

    def _may_go_on(self) -> bool:
        self._left -= 1
        return self._left >= 0 and time.monotonic() < self._until


def search(
    kinds: Sequence[st.SearchStrategy[Any]],
    judge: Callable[[Any], Counterexample | None],
    seed: str,
    examples: int,
) -> Found:
    """Judge examples until an answer is wrong, then look for the smallest request with one.

    The same seed gives the same examples, with the same versions of this suite and of Hypothesis.

    Args:
        kinds: of requests, which share the examples evenly. Of one kind Hypothesis makes most
            examples out of few, so that what has to be among them needs a kind of its own.
    """
    hunt = _Hunt(judge)
    for index, kind in enumerate(kinds):
        share = len(range(index, examples, len(kinds)))
        if share and _is_wrong(hunt, kind, f"{seed} {index}", share):
            return Found(hunt.asked, hunt.last)
    return Found(hunt.asked, None)


def _is_wrong(hunt: _Hunt, kind: st.SearchStrategy[Any], seed: str, examples: int) -> bool:
    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(kind)
    def attempt(request: Any) -> None:
        if hunt.ask(request) is not None:
            raise _Wrong

    try:
        attempt()
    except (_Wrong, Flaky):
        # The last that Hypothesis tried is the smallest.
        return True
    except Unsatisfiable:
        # There are no such requests: none was asked.
        pass
    return False

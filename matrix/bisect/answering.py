"""A bisection from its task to its answer, and then to the cause of the change."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from kserve_conformance.errors import DataFileError
from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import torchserve
from matrix.bisect import bisection, causes, words
from matrix.bisect.bisection import Answer, Found, Seen
from matrix.bisect.causes import Cause
from matrix.bisect.probers import ByRunning, FromResults
from matrix.bisect.task import Task
from matrix.environments import hybrid, locking, own_requirements
from matrix.environments.locking import Lock
from matrix.planning.axes import Axes
from matrix.running.starting import Say


def answer(task: Task, runs: Sequence[Run], known: Axes, say: Say) -> Answer:
    """Search, and say what is seen, the answer, and what shows it.

    Args:
        runs: where to look; the check is run where there are none.
    """
    began = looked = time.monotonic()

    def told(seen: Seen, left: int) -> None:
        nonlocal looked
        now = time.monotonic()
        say(words.look(seen, now - looked, left))
        looked = now

    say(words.beginning(task))
    of_kserve = task.axis == "kserve"
    cause, locks = None, {}
    with _prober(task, runs, known, say) as prober:
        found = bisection.search(task.releases, prober.look, prober.again, told)
        if isinstance(found, Found) and of_kserve and isinstance(prober, ByRunning):
            own = task.options.subject().requirements
            locks = _locks(found, own, known, say)
            cause = _cause(found, locks, prober, known, say) if locks else None
    for line in words.answer(task, found, cause):
        say(line)
    if cause is not None and cause.is_of_packages:
        differing = hybrid.differing(*locks.values()).items()
        named = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in differing)
        say(f"packages that differ: {named}")
    if isinstance(found, Found) and runs and of_kserve:
        say("the cause was not looked into: that needs runs, without --results")
    say(f"found in {time.monotonic() - began:.0f} s")
    return found


@contextlib.contextmanager
def _prober(
    task: Task, runs: Sequence[Run], known: Axes, say: Say
) -> Iterator[FromResults | ByRunning]:
    if runs:
        yield FromResults(task, runs)
        return
    for sentence in torchserve.sweep():
        say(sentence)
    with contextlib.closing(ByRunning(task, known, say)) as running:
        yield running


def _locks(found: Found, requirements: Sequence[str], known: Axes, say: Say) -> dict[str, Lock]:
    """Give the locks of the two releases, none where the cause can't be looked into."""
    ends = [known.release(seen.release) for seen in (found.before, found.after)]
    try:
        return {
            each.release: own_requirements.make(locking.find(each), requirements) for each in ends
        }
    except (DataFileError, Unprovisioned) as error:
        say(f"the cause can't be looked into: {error}")
        return {}


def _cause(found: Found, locks: dict[str, Lock], prober: ByRunning, known: Axes, say: Say) -> Cause:
    pythons = {release: lock.release.python for release, lock in locks.items()}

    def beside(kserve: str, packages: str) -> Seen:
        lock = hybrid.make(locks[kserve], locks[packages], pythons[found.after.release], known)
        began = time.monotonic()
        seen = prober.look(kserve, lock.path)
        look = causes.Look(kserve, packages, seen)
        say(f"{look}, {time.monotonic() - began:.0f} s")
        return seen

    return causes.of(found, pythons, beside)

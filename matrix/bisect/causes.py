"""What a change between two KServe releases is caused by: KServe, its dependencies, or Python.

Each release is looked at once more with the other's packages beside it, both on the Python of
the one where the change is. Whatever the outcome goes with is the cause.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matrix.bisect import bisection
from matrix.bisect.bisection import Found, Seen


class Kind(enum.StrEnum):
    """What an outcome goes with."""

    KSERVE = "KServe itself, not a dependency"
    PACKAGES = "a dependency, not KServe itself"
    EITHER = "both KServe and a dependency: either is enough"
    TOGETHER = "KServe and a dependency together: neither is enough"
    KSERVE_AT_LEAST = "KServe itself; no dependency has to change for it"
    PACKAGES_AT_LEAST = "a dependency; KServe doesn't have to change for it"
    PYTHON = "the Python that it runs on, neither KServe nor a dependency"
    UNKNOWN = "can't be told apart"


@dataclass(frozen=True)
class Look:
    """A release of KServe, whose packages stood beside it, and what it came to."""

    kserve: str
    packages: str
    seen: Seen

    def __str__(self) -> str:
        is_own = self.kserve == self.packages
        packages = "its own packages" if is_own else f"the packages of {self.packages}"
        return f"KServe {self.kserve} beside {packages}: {bisection.in_words(self.seen.first)}"


@dataclass(frozen=True)
class Cause:
    """What a change is caused by, and what shows it.

    Attributes:
        python: the Python of these looks, where the two releases have different ones.
    """

    kind: Kind
    looks: tuple[Look, ...]
    python: str | None = None

    @property
    def is_of_packages(self) -> bool:
        """Tell whether a dependency has a part in it."""
        return self.kind in (Kind.PACKAGES, Kind.PACKAGES_AT_LEAST, Kind.EITHER, Kind.TOGETHER)


# Gives what a release of KServe comes to beside the packages of another, on the Python of the
# one where the change is.
Beside = Callable[[str, str], Seen]


def of(found: Found, pythons: Mapping[str, str], beside: Beside) -> Cause:
    """Tell KServe's own change from a dependency's.

    Args:
        pythons: the Python that each of the two releases runs on.
    """
    before, after = found.before.release, found.after.release
    python = pythons[after] if pythons[before] != pythons[after] else None
    looks = []
    if python is not None:
        # The Python is another one, too: what it does alone is seen first.
        looks.append(Look(before, before, beside(before, before)))
        if looks[0].seen.same_as(found.after):
            return Cause(Kind.PYTHON, tuple(looks), python)
        if not looks[0].seen.same_as(found.before):
            return Cause(Kind.UNKNOWN, tuple(looks), python)
    crossed = [
        Look(kserve, packages, beside(kserve, packages))
        for kserve, packages in ((after, before), (before, after))
    ]
    kind = _kind(*(_has_changed(found, look.seen) for look in crossed))
    return Cause(kind, (*looks, *crossed), python)


def _kind(by_kserve: bool | None, by_packages: bool | None) -> Kind:
    """Judge from whether each of the two makes the change alone; None where nobody knows."""
    return {
        (True, False): Kind.KSERVE,
        (False, True): Kind.PACKAGES,
        (True, True): Kind.EITHER,
        (False, False): Kind.TOGETHER,
        (True, None): Kind.KSERVE_AT_LEAST,
        (None, True): Kind.PACKAGES_AT_LEAST,
    }.get((by_kserve, by_packages), Kind.UNKNOWN)


def _has_changed(found: Found, seen: Seen) -> bool | None:
    """Tell whether a look came to the later outcome; None where to neither of the two."""
    if seen.same_as(found.after):
        return True
    return False if seen.same_as(found.before) else None

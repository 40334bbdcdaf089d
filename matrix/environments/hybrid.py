"""Locks of a KServe release beside the packages of another, to tell KServe from its dependencies.

What changed between two releases is KServe itself, the packages that their locks hold beside
it, or the Python that they run on. A hybrid has one of these from one release and the rest
from the other. Nothing resolves it: its packages may not suit one another, and whether they do
is seen when it is installed and used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from fixtures import cache
from matrix.environments import given_locks, locking, own_requirements
from matrix.environments.locking import Lock
from matrix.planning.axes import Axes

_FOLDER = "hybrid-locks"


def make(kserve: Lock, packages: Lock, python: str, axes: Axes) -> Lock:
    """Write the lock of one release's KServe beside another's packages, into the cache.

    Args:
        kserve: the lock that KServe is taken from, and the packages that only it holds.
        packages: the lock that all other packages are taken from.
        python: the minor version of Python to use, e.g. ``3.9``.
    """
    own, others = _entries(kserve), _entries(packages)
    entries = {**own, **others, "kserve": own["kserve"]}
    # How a package is installed goes with its pin.
    from_source = [
        name for name in kserve.release.from_source if canonicalize_name(name) not in others
    ]
    from_source += packages.release.from_source
    header = _header(kserve, packages, python, from_source)
    name = f"kserve-{kserve.release.release}-beside-{packages.release.release}-on-{python}.txt"
    path = cache.directory(_FOLDER) / name
    cache.write_whole(path, "\n".join([header, *(entries[name] for name in sorted(entries))]))
    return given_locks.read(path, axes)


def differing(one: Lock, other: Lock) -> dict[str, tuple[str, str]]:
    """Give the packages that both hold, KServe aside, with their versions where these differ."""
    ones, others = one.pins(), other.pins()
    return {
        name: (version, others[name])
        for name, version in ones.items()
        if name != "kserve" and others.get(name, version) != version
    }


def _entries(lock: Lock) -> Mapping[str, str]:
    return locking.entries_in(lock.path.read_text(encoding="utf-8"))


def _header(kserve: Lock, packages: Lock, python: str, from_source: Iterable[str]) -> str:
    # A day on which the packages of both were there.
    cut_off = max(kserve.release.cut_off, packages.release.cut_off)
    own, other = kserve.release.release, packages.release.release
    release = dataclasses.replace(
        kserve.release, python=python, cut_off=cut_off, from_source=tuple(sorted(from_source))
    )
    return locking.header(
        release,
        [f"KServe SDK {own} beside the packages of {other}, as their locks hold them"],
        [
            f"Locks: {own} sha256:{kserve.digest}, {other} sha256:{packages.digest}",
            # A wrapper's own are in both.
            *own_requirements.lines_in(kserve),
        ],
    )

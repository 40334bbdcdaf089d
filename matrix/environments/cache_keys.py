"""Names for what a machine keeps between runs, which change with what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fixtures import cache, torchserve
from matrix.environments import locking, provision
from matrix.planning.axes import Axes


def environments(axes: Axes, releases: Iterable[str], requirements: Sequence[str]) -> str:
    """Give a key for the environments of KServe releases: it changes with their locks.

    Args:
        requirements: the wrapper's own, which are resolved beside the locks.

    Raises:
        LockError: when a release has no lock, or one that is out of date.
    """
    digests = [locking.find(axes.release(release)).digest for release in releases]
    return f"environments-{cache.digest(str(provision.RECIPE), *digests, *requirements)[:16]}"


def of_torchserve(runtime: torchserve.Runtime, releases: Iterable[str]) -> str:
    """Give a key for TorchServe releases: it changes with their images' recipes, or packages."""
    names = images(runtime, releases) or [torchserve.software(runtime, each) for each in releases]
    return f"torchserve-{runtime}-{cache.digest(*names)[:16]}"


def images(runtime: torchserve.Runtime, releases: Iterable[str]) -> list[str]:
    """Name the images that TorchServe releases are run from; none where they are processes."""
    if runtime != "container":
        return []
    return [torchserve.software(runtime, release) for release in releases]

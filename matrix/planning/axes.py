"""The axes of the matrix: axes.toml, read and checked."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, WrongUsage, located
from packaging.version import Version

from matrix.planning import control_planes
from matrix.planning.axis_table import BY_NAME, NAMES, RELEASE_AXES
from matrix.planning.conditions import AnyOf
from matrix.planning.control_planes import ControlPlane, Pod
from matrix.planning.coverage import Coverage
from matrix.planning.nearest import hint
from matrix.planning.release import Release

FILE = Path(__file__).parents[1] / "axes.toml"
_SCHEMA = FILE.with_suffix(".schema.json")

# The two that are rules, and between them those that axes.toml has.
PROFILES = ("default", "quick", "historical", "torchserve", "all")


class AxesError(WrongUsage):
    """A point that is on no axis of axes.toml. Its text says which there are."""


@dataclass(frozen=True)
class KServeRelease(Release):
    """A release of the KServe SDK."""

    package = "kserve"
    title = "KServe"
    locks = FILE.with_name("locks")
    data_file = "axes.toml"
    beside_the_wrapper = True
    lock_option = "--kserve {}"

    @property
    def contents(self) -> str:
        """Say what its lock holds."""
        return f"KServe SDK {self.release} with the wrapper's own dependencies"


@dataclass(frozen=True)
class Profile:
    """Which cells a run has unless others are asked for.

    Attributes:
        points: the points of some axes that it has instead of the usual ones, in their order.
        when: what its cells have in common; None where that is nothing.
        coverage: whether it has all those cells, or few in which their points still meet.
    """

    points: Mapping[str, tuple[str, ...]]
    when: AnyOf | None = None
    coverage: Coverage = "full"

    def admits(self, point: Mapping[str, str]) -> bool:
        """Tell whether a cell may be in it, given as `Cell.axes`."""
        return self.when is None or self.when.holds(point)

    @property
    def is_of_releases(self) -> bool:
        """Tell whether it is no more than a choice of releases of the SDK."""
        return self.points.keys() == {"kserve"} and self.when is None and self.coverage == "full"


@dataclass(frozen=True)
class Axes:
    """The whole file.

    Attributes:
        kserve: the SDK releases by version, oldest first.
        protocols: the PROTOCOL_VERSION values by name, None where it isn't set.
        offered: the points of every axis in its order; releases oldest first.
        defaults: the point of every axis that is taken where one is needed and none is named.
        profiles: by name.
    """

    kserve: Mapping[str, KServeRelease]
    protocols: Mapping[str, str | None]
    control_planes: tuple[ControlPlane, ...]
    offered: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, str]
    profiles: Mapping[str, Profile]

    @property
    def torchserve(self) -> tuple[str, ...]:
        """List the TorchServe releases offered, oldest first."""
        return self.offered["torchserve"]

    @property
    def default_torchserve(self) -> str:
        """Give the one that is run unless others are asked for."""
        return self.defaults["torchserve"]

    def usual(self, axis: str, profile: str = "default") -> tuple[str, ...]:
        """List the points of an axis that a run has unless others are asked for.

        Raises:
            AxesError: for another profile than those of `PROFILES`.
        """
        points = self.named(profile).points
        if axis in points:
            return points[axis]
        return self.offered[axis] if BY_NAME[axis].every_point else (self.defaults[axis],)

    def in_order(self, axis: str, points: Iterable[str]) -> list[str]:
        """Sort points of an axis, those that the file hasn't (any more) last."""
        if axis in RELEASE_AXES:
            return sorted(points, key=Version)
        order = {point: at for at, point in enumerate(self.offered[axis])}
        return sorted(points, key=lambda point: (order.get(point, len(order)), point))

    def profile(self, name: str) -> tuple[str, ...]:
        """List the SDK releases of a profile, oldest first.

        ``all`` is every release and ``default`` the newest patch of each minor; the others have
        what axes.toml lists, or those of ``default``.

        Raises:
            AxesError: for another name.
        """
        return self.named(name).points["kserve"]

    def named(self, profile: str) -> Profile:
        """Give the profile of a name.

        Raises:
            AxesError: for another name than those of `PROFILES`.
        """
        if profile not in self.profiles:
            raise AxesError(f"{profile!r} is no profile: use one of {', '.join(PROFILES)}")
        return self.profiles[profile]

    def resolved(self, releases: Iterable[str], axis: str = "kserve") -> list[str]:
        """Replace the words that stand for points of an axis.

        ``newest`` is the newest release of the SDK, and ``all`` all points of an axis of which a
        run usually has one.
        """
        if axis == "kserve":
            newest = self.profile("all")[-1]
            return [newest if release == "newest" else release for release in releases]
        words = {} if BY_NAME[axis].every_point else {"all": self.offered[axis]}
        return [point for word in releases for point in words.get(word, (word,))]

    def release(self, name: str) -> KServeRelease:
        """Give what is known of an SDK release.

        Raises:
            AxesError: when axes.toml doesn't have it.
        """
        _refuse_unknown("KServe", name, list(self.kserve))
        return self.kserve[name]

    def torchserve_release(self, name: str) -> str:
        """Give the TorchServe release of a name, which is itself.

        Raises:
            AxesError: when axes.toml doesn't offer it.
        """
        _refuse_unknown("TorchServe", name, self.torchserve)
        return name

    def value(self, protocol: str) -> str | None:
        """Give the PROTOCOL_VERSION of a name, None where it isn't set.

        Raises:
            AxesError: when axes.toml doesn't have the name.
        """
        if protocol not in self.protocols:
            raise AxesError(
                f"{protocol!r} is no PROTOCOL_VERSION of axes.toml, which names "
                f"{', '.join(self.protocols)}"
            )
        return self.protocols[protocol]

    def control_plane(self, word: str) -> ControlPlane:
        """Give the control plane of a KServe release, or of a name.

        Raises:
            AxesError: when axes.toml doesn't say which it is.
        """
        for plane in self.control_planes:
            if plane.is_of(word):
                return plane
        names = [plane.name for plane in self.control_planes if plane.name is not None]
        known = [*self.kserve, *names]
        raise AxesError(
            f"{word!r} is no control plane of axes.toml: name a release of KServe from "
            f"{next(iter(self.kserve))} on, or {' or '.join(names)}{hint(word, known)}"
        )

    def arrived_at(self, pod: Pod) -> tuple[str, str]:
        """Give the points that a pod is at: PROTOCOL_VERSION's name and the envelope.

        Raises:
            AxesError: when axes.toml has no such PROTOCOL_VERSION.
        """
        names = {value: name for name, value in self.protocols.items()}
        if pod.protocol_version not in names:
            raise AxesError(f"axes.toml has no PROTOCOL_VERSION {pod.protocol_version!r}")
        return names[pod.protocol_version], pod.envelope


def _refuse_unknown(software: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise AxesError(
            f"{software} {name!r} is not in axes.toml, which has {', '.join(known)}"
            f"{hint(name, known)}"
        )


def load(path: Path = FILE) -> Axes:
    """Read the file.

    Raises:
        DataFileError: when it can't be read, breaks its schema or contradicts itself.
    """
    return _loaded(path, datafile.state(path))


@functools.lru_cache(maxsize=4)
def _loaded(path: Path, _state: object) -> Axes:
    document = datafile.read(path, _SCHEMA)
    with located(path):
        return _axes(document)


def _axes(document: Mapping[str, Any]) -> Axes:
    releases = [_kserve(index, entry) for index, entry in enumerate(document["kserve"])]
    releases.sort(key=lambda each: Version(each.release))
    _refuse_repeats("kserve", "release", (each.release for each in releases))
    _refuse_repeats("protocol", "name", (entry["name"] for entry in document["protocol"]))
    kserve = {each.release: each for each in releases}
    protocols = {entry["name"]: entry.get("value") for entry in document["protocol"]}
    offered = {"kserve": tuple(kserve), "protocol": tuple(protocols)}
    defaults = {"kserve": releases[-1].release, "protocol": next(iter(protocols))}
    tables = document.keys() - {"schema", "control_plane", "profile"}
    for name in sorted(tables.symmetric_difference(NAMES)):
        is_known = name in NAMES
        raise DataFileError(
            f"{'it is an axis: add its table' if is_known else 'there is no such axis'}; the axes "
            f"are {', '.join(NAMES)} (matrix/planning/axis_table.py)",
            name,
        )
    for name in NAMES:
        if name not in offered:
            offered[name], defaults[name] = _points(name, document[name])
    usual = {
        "default": tuple({Version(each).release[:2]: each for each in kserve}.values()),
        "all": tuple(kserve),
    }
    profiles = {name: Profile({"kserve": points}) for name, points in usual.items()}
    for name, entry in document["profile"].items():
        profiles[name] = _profile(f"profile.{name}", entry, offered, usual["default"])
    return Axes(
        kserve=kserve,
        protocols=protocols,
        control_planes=tuple(
            control_planes.parsed(entry, f"control_plane[{index}]")
            for index, entry in enumerate(document["control_plane"])
        ),
        offered={name: offered[name] for name in NAMES},
        defaults={name: defaults[name] for name in NAMES},
        profiles=profiles,
    )


def _profile(
    place: str,
    entry: Mapping[str, Any],
    offered: Mapping[str, Sequence[str]],
    default: tuple[str, ...],
) -> Profile:
    points = {"kserve": default}
    for axis in [name for name in NAMES if name in entry]:
        for point in entry[axis]:
            if point not in offered[axis]:
                raise DataFileError(f"{point} is no [[{axis}]] of this file", place)
        points[axis] = tuple(point for point in offered[axis] if point in entry[axis])
    when = AnyOf.parse(entry["when"], f"{place}.when") if "when" in entry else None
    return Profile(points, when, entry.get("coverage", "full"))


def _points(name: str, entry: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    offered, default = entry["offered"], entry["default"]
    _refuse_repeats(name, "offered", offered)
    if default not in offered:
        raise DataFileError(f"{default} is not among those offered", f"{name}.default")
    return tuple(sorted(offered, key=Version) if name in RELEASE_AXES else offered), default


def _kserve(index: int, entry: Mapping[str, Any]) -> KServeRelease:
    with located(place=f"kserve[{index}]"):
        return KServeRelease.of(entry)


def _refuse_repeats(table: str, key: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataFileError(f"{key} {name!r} is there twice", table)
        seen.add(name)

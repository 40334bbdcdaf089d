"""Whether a wrapper that works on one KServe release works on another, answered from results."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.results.record import Header
from kserve_conformance.results.results_file import Given

from matrix.diff import comparison
from matrix.diff.comparison import Change, Group, Pair
from matrix.planning import plan
from matrix.planning.axes import Axes
from matrix.planning.axis_table import NAMES
from matrix.planning.cells import Cell
from matrix.planning.control_planes import SPOKEN_BY, RuntimeKind
from matrix.planning.expectations import Expectations
from matrix.results import attempts
from matrix.results.attempts import JudgedCell, Merit


class UpgradeError(WrongUsage):
    """A question that can't be answered as it was put. Its text says what to put instead."""


@dataclass(frozen=True)
class Question:
    """From which release, or control plane, to which, and on which backends it must be known."""

    source: str
    target: str
    runtimes: tuple[str, ...]

    @classmethod
    def put(cls, source: str, target: str, runtimes: Sequence[str], axes: Axes) -> Question:
        """Make a question of the words of a command line; ``newest`` is the newest release.

        Raises:
            UpgradeError: when axes.toml doesn't have a release, or both are the same.
        """
        old, new = (_release(word, axes) for word in (source, target))
        if old == new:
            raise UpgradeError(f"FROM and TO are both KServe {old}: name two releases")
        return cls(old, new, tuple(runtimes))


@dataclass(frozen=True)
class Unknown:
    """A cell of which these checks weren't judged; without any, the results don't have it."""

    cell: Cell
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """What an InferenceService comes to when the control plane is upgraded along with the SDK.

    Attributes:
        protocol_version: as the InferenceService gives it, ``absent`` where it gives none.
        source: the PROTOCOL_VERSION and the envelope of its pod before.
        target: those since; None where this protocolVersion isn't accepted any more.
        breaks: what worked in its pod before and doesn't since, and isn't told of the SDK.
        is_known: whether the results have all of both pods.
    """

    protocol_version: str
    source: tuple[str, str]
    target: tuple[str, str] | None
    breaks: tuple[Group, ...] = ()
    is_known: bool = True


@dataclass(frozen=True)
class Assessment:
    """What results say of an upgrade.

    Attributes:
        compared: how many checks were compared, with the same PROTOCOL_VERSION on both sides.
        needed: the cells that the answer needs, of both releases.
        cells: the axes of those that were compared, without the release.
        breaks: what works on the old release and doesn't on the new.
        comes: what works on the new release and wasn't offered, or failed, on the old.
        failing: what fails on the new release and doesn't work on the old either.
        services: those whose pods are given something else by the new control plane.
        unknown: what has to be run to know.
    """

    question: Question
    header: Header
    compared: int
    needed: tuple[Cell, ...]
    cells: tuple[Mapping[str, str], ...]
    breaks: tuple[Group, ...]
    comes: tuple[Group, ...]
    failing: tuple[Group, ...]
    services: tuple[Service, ...]
    unknown: tuple[Unknown, ...]

    def exit_code(self) -> ExitCode:
        """Judge: 1 something breaks, 3 it isn't known, 0 nothing breaks."""
        if self.breaks or any(each.breaks or each.target is None for each in self.services):
            return ExitCode.AGAINST_SUBJECT
        return ExitCode.NOT_KNOWN if self.unknown else ExitCode.AS_EXPECTED


def answer(
    question: Question, given: Sequence[Given], axes: Axes, expected: Expectations
) -> Assessment:
    """Answer a question from results of one wrapper.

    Raises:
        UpgradeError: when the results are of several wrappers.
    """
    header = _one_wrapper(given)
    known = _Known.of(given, expected)
    needed = list(_cells(question, known, axes, expected))
    every = [cell for both in needed for cell in both]
    unknown = [each for each in map(known.lacks, every) if each is not None]
    compared = list(filter(known.has, needed))
    pairs = list(known.pairs(compared))
    order = expected.order()

    def grouped(chosen: Iterable[Pair]) -> tuple[Group, ...]:
        return tuple(comparison.grouped(chosen, order))

    def having(change: Change, alone: Change, merit: Merit) -> list[Pair]:
        return [
            pair
            for pair in pairs
            if pair.change is change or (pair.change is alone and _alone(pair) is merit)
        ]

    # What isn't even asked for on the new release breaks, such as gRPC where there is no server.
    breaks = having(Change.REGRESSED, Change.GONE, Merit.RIGHT)
    told = {(pair.place, pair.check) for pair in breaks}
    services = []
    for service in _services(question, axes):
        pods = _pods(service, question, needed)
        # Some checks are of one PROTOCOL_VERSION only: that they aren't made is no loss.
        broken = (
            pair
            for pair in known.pairs(pods)
            if pair.change is Change.REGRESSED and (pair.place, pair.check) not in told
        )
        is_known = not {each.cell for each in unknown} & {cell for pod in pods for cell in pod}
        services.append(replace(service, breaks=grouped(broken), is_known=is_known))
    return Assessment(
        question=question,
        header=header,
        compared=len(pairs),
        needed=tuple(every),
        cells=tuple(_without_release(old.axes()) for old, _ in compared),
        breaks=grouped(breaks),
        comes=grouped(having(Change.FIXED, Change.NEW, Merit.RIGHT)),
        failing=grouped(having(Change.STILL_FAILING, Change.NEW, Merit.WRONG)),
        services=tuple(services),
        unknown=tuple(unknown),
    )


@dataclass(frozen=True)
class _Known:
    """What results hold, by cell."""

    cells: Mapping[Cell, JudgedCell]

    @classmethod
    def of(cls, given: Iterable[Given], expected: Expectations) -> _Known:
        return cls({Cell.at(each.axes): each for each in attempts.cells(given, expected)})

    def torchserve(self, releases: Iterable[str], default: str) -> list[str]:
        """List the TorchServe releases with which all of some KServe releases were run."""
        found = [
            {cell.torchserve for cell in self.cells if cell.kserve == release}
            for release in releases
        ]
        return sorted(set.intersection(*found)) or [default]

    def has(self, cells: Iterable[Cell]) -> bool:
        """Tell whether all of some cells were run."""
        return self.cells.keys() >= set(cells)

    def lacks(self, cell: Cell) -> Unknown | None:
        """Tell what isn't known of a cell."""
        if cell not in self.cells:
            return Unknown(cell)
        found = self.cells[cell].attempts.items()
        checks = tuple(check for check, each in found if not each.is_judged or each.is_missing)
        return Unknown(cell, checks) if checks else None

    def pairs(self, cells: Iterable[tuple[Cell, Cell]]) -> Iterator[Pair]:
        """Pair what is known of the checks of two cells each, where it is of both."""
        for both in filter(self.has, cells):
            old, new = (self.cells[cell].attempts for cell in both)
            for check in dict.fromkeys([*new, *old]):
                sides = old.get(check), new.get(check)
                if all(each is None or each.is_judged for each in sides):
                    pair = comparison.paired(*sides)
                    # Where it is so is told of both releases.
                    yield replace(pair, axes=_without_release(pair.axes))


def _release(word: str, axes: Axes) -> str:
    releases = list(axes.kserve)
    if word == "newest":
        return releases[-1]
    if word in releases:
        return word
    minor = ".".join(word.split(".")[:2]) + "."
    near = [each for each in releases if each.startswith(minor)]
    near = near or difflib.get_close_matches(word, releases)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(releases)}"
    raise UpgradeError(f"KServe {word} is not in axes.toml: {hint}")


def _one_wrapper(given: Sequence[Given]) -> Header:
    ours = given[0].run.header
    for other in given:
        theirs = other.run.header
        if (ours.wrapper, ours.requirements) != (theirs.wrapper, theirs.requirements):
            raise UpgradeError(
                f"{given[0].path} is of {_named(ours)} and {other.path} of {_named(theirs)}: give "
                "results of one wrapper"
            )
    return ours


def _named(header: Header) -> str:
    more = f" with {', '.join(header.requirements)}" if header.requirements else ""
    return f"{header.wrapper['name']} ({header.started_as}){more}"


def _cells(
    question: Question, known: _Known, axes: Axes, expected: Expectations
) -> Iterator[tuple[Cell, Cell]]:
    """Give the cells that the answer needs, on the old release and on the new."""
    releases = question.source, question.target
    selection: dict[str, Sequence[str]] = {name: axes.usual(name) for name in NAMES}
    selection |= {
        "kserve": [question.source],
        "torchserve": known.torchserve(releases, axes.default_torchserve),
        "runtime": question.runtimes,
    }
    # Some cells are there on the releases of a profile only.
    there = {*plan.cells_at(axes, expected, {**selection, "kserve": [question.target]})}
    for old in plan.cells_at(axes, expected, selection):
        new = old.moved(kserve=question.target)
        if new in there:
            yield old, new


def _alone(pair: Pair) -> Merit | None:
    """Give how good a check is that only one of two cells has."""
    sides = [side for side in (pair.old, pair.new) if side is not None]
    return sides[0].worst if len(sides) == 1 else None


def _services(question: Question, axes: Axes) -> Iterator[Service]:
    old, new = (axes.control_plane(each) for each in (question.source, question.target))
    for version, envelope in SPOKEN_BY.items():
        pods = (plane.pod(version, RuntimeKind.STOCK) for plane in (old, new))
        source, target = (None if pod is None else axes.arrived_at(pod) for pod in pods)
        # A pod that doesn't speak what its service declares is nothing that works.
        if source is not None and source[1] == envelope and source != target:
            yield Service(version, source, target)


def _pods(
    service: Service, question: Question, needed: Iterable[tuple[Cell, Cell]]
) -> list[tuple[Cell, Cell]]:
    """Give the cells that a service's pod is before and since, on each backend."""
    if service.target is None:
        return []
    protocol, envelope = service.target
    return [
        (old, old.moved(kserve=question.target, protocol=protocol, envelope=envelope))
        for old, _ in needed
        if (old.protocol, old.envelope) == service.source
    ]


def _without_release(axes: Mapping[str, str]) -> dict[str, str]:
    return {axis: point for axis, point in axes.items() if axis != "kserve"}

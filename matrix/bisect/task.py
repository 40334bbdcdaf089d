"""What `bisect` is asked for: a check, the releases to search, and a cell on each of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kserve_conformance.errors import WrongUsage
from kserve_conformance.results.record import Run

from fixtures import torchserve
from matrix.planning import expectations, options
from matrix.planning.axes import Axes
from matrix.planning.axis_table import AXES
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.running import starting

# What the cell is told by; the words of its release axes are about --axis, and come last.
GIVEN = sorted(
    (axis for axis in AXES if axis.searching is not None), key=lambda axis: axis.of_releases
)
# Options that a run is given as they are.
HANDED_ON = {
    "wrapper": "COMMAND",
    "wrapper_name": "NAME",
    "constructor": "MODULE:CLASS",
    "requirements": "FILE",
    "ports": "HTTP,GRPC",
    "image": "IMAGE",
    "start_timeout": "SECONDS",
}


# What results say of a wrapper, by the option that says it of a run.
_OF_HEADER = {"wrapper": "command", "constructor": "constructor"}


class BisectError(WrongUsage):
    """A search that can't be begun as it was asked for. Its text says what to write instead."""


@dataclass(frozen=True)
class Task:
    """What is looked for, and where.

    Attributes:
        releases: of the axis, from the good end to the bad one.
        unplanned: releases between the ends whose cells don't have the check.
    """

    check: str
    axis: str
    releases: Sequence[str]
    cells: Mapping[str, Cell]
    unplanned: frozenset[str]
    options: RunOptions

    @classmethod
    def of(cls, arguments: argparse.Namespace, known: Axes, runs: Sequence[Run]) -> Task:
        """Work out what the options of `bisect` ask for.

        Args:
            runs: where to look, instead of running anything.

        Raises:
            WrongUsage: for wrong usage, a data file among it.
            RuntimeUnavailable: when TorchServe can't be run here as it is asked for.
        """
        releases = _between(arguments, known)
        if runs:
            runtime = _runtime_of(arguments.runtime, runs)
        else:
            runtime = torchserve.available_runtime(arguments.runtime)
        wanted = _options(arguments, runtime, runs)
        one = _cell(arguments, known, wanted, runtime)
        cells = {release: one.moved(**{arguments.axis: release}) for release in releases}
        _refuse_ends(arguments.check, [cells[releases[0]], cells[releases[-1]]], wanted)
        wanted = replace(wanted, check=(arguments.check,))
        ids = tuple(cell.id for cell in cells.values())
        planned = starting.make_plan(replace(wanted, cell=ids)).checks
        lacks = frozenset(release for release, cell in cells.items() if cell.id not in planned)
        return cls(arguments.check, arguments.axis, releases, cells, lacks, wanted)


def _refuse_ends(check: str, ends: Sequence[Cell], wanted: RunOptions) -> None:
    """Refuse ends in which the check isn't made; a check that there isn't is the plan's to tell."""
    expected = expectations.load()
    if check not in (*expected.checks, *expected.statements):
        return
    for cell in ends:
        point = expected.point(cell.axes(), wanted.constructor is not None)
        if check not in expected.checks_at(point):
            raise BisectError(
                f"{check} is not made in {cell.id}: take another end, or another --protocol"
            )


def _between(arguments: argparse.Namespace, known: Axes) -> list[str]:
    """List the releases from the good end to the bad one."""
    every = known.offered[arguments.axis]
    ends = []
    for option in ("good", "bad"):
        named = getattr(arguments, option)
        release = every[-1] if named == "newest" else named
        if release not in every:
            raise BisectError(
                f"--{option} {named} is no {arguments.axis} release of axes.toml, which has "
                f"{', '.join(every)}"
            )
        ends.append(every.index(release))
    good, bad = ends
    if good == bad:
        raise BisectError("--good and --bad are the same release: name two")
    return list(every[good : bad + 1] if good < bad else every[bad : good + 1][::-1])


def _cell(arguments: argparse.Namespace, known: Axes, wanted: RunOptions, runtime: str) -> Cell:
    """Give a cell that is right on all axes but that of the search."""
    if arguments.cell:
        return starting.make_plan(replace(wanted, cell=(arguments.cell,))).cells[0]
    searched = getattr(arguments, arguments.axis)
    if searched is not None:
        raise BisectError(
            f"--{arguments.axis} {searched} is of the axis that is searched: leave it out, or "
            "search another --axis"
        )
    given = {}
    for axis in GIVEN:
        named, points = getattr(arguments, axis.name), known.offered[axis.name]
        if named is not None and named not in points:
            raise BisectError(f"--{axis.name} {named}: there is only {', '.join(points)}")
        given[axis.name] = named or known.defaults[axis.name]
    return Cell.at({**known.defaults, **given, "runtime": runtime})


def _options(arguments: argparse.Namespace, runtime: str, runs: Sequence[Run]) -> RunOptions:
    given = {name: getattr(arguments, name) for name in (*HANDED_ON, "with_")}
    if runs:
        header = runs[0].header
        given |= {name: header.wrapper[member] for name, member in _OF_HEADER.items()}
        given |= {"requirements": None, "with_": list(header.requirements)}
    return options.parsed(**given, runtime=runtime)


def _runtime_of(wanted: str, runs: Sequence[Run]) -> str:
    there = list(dict.fromkeys(str(each.header.runtime) for each in runs))
    if wanted == "auto" and len(there) == 1:
        return there[0]
    if wanted not in there:
        raise BisectError(f"the results are of {' and '.join(there)}: say --runtime with one")
    return wanted

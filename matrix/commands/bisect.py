"""``python -m matrix bisect``: the first release on which a check comes to something else."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.errors import DataFileError, ExitCode, WrongUsage
from kserve_conformance.results.record import Run
from rich.console import Console

from fixtures import torchserve
from matrix.bisect import bisection, causes, words
from matrix.bisect.bisection import Agreed, Answer, Flaky, Found, Prober, Seen
from matrix.bisect.causes import Cause
from matrix.commands import given_results, run
from matrix.commands.output import make_console, say
from matrix.commands.probers import ByRunning, FromResults, lacking
from matrix.environments import hybrid, locking
from matrix.planning import axes, expectations, options
from matrix.planning.axes import Axes
from matrix.planning.axis import AXES, BY_NAME, RELEASE_AXES
from matrix.planning.cells import Cell
from matrix.planning.options import RUNTIMES, RunOptions


class BisectError(WrongUsage):
    """A search that can't be begun as it was asked for. Its text says what to write instead."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``bisect``."""
    parser = subparsers.add_parser(
        "bisect",
        help="Find the first release on which a check comes to something else.",
        description="Runs one check in one cell on releases between two, by binary search, until "
        "two neighbours differ in its verdict or in what was said. Runs both twice more, and each "
        "KServe beside the other's packages, which tells KServe's own change from a dependency's.",
        epilog="Exit codes: 0 the change was found, 1 both ends come to the same, 2 wrong usage, "
        "3 it wasn't found: a release can't be judged, the check is flaky, or the harness failed.",
    )
    required = parser.add_argument_group("what to look for")
    required.add_argument("--check", required=True, metavar="ID", help="The check, or statement.")
    required.add_argument("--good", required=True, metavar="RELEASE", help="The end to start from.")
    required.add_argument(
        "--bad", required=True, metavar="RELEASE", help="The other end; may be the older one."
    )
    parser.add_argument(
        "--axis", choices=RELEASE_AXES, default="kserve", help="Whose releases they are."
    )
    cell = parser.add_argument_group("the cell")
    cell.add_argument("--cell", metavar="ID", help="A cell that has all other axes right.")
    for axis in _GIVEN:
        cell.add_argument(f"--{axis.name}", help=axis.searching)
    parser.add_argument(
        "--results",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="Run nothing, and look into these results, or their folder; may be repeated.",
    )
    _add_run_options(parser)
    parser.set_defaults(command=_main)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("as of `run`")
    group.add_argument("--runtime", choices=RUNTIMES, default="auto")
    for name, metavar in _HANDED_ON.items():
        kind = float if metavar == "SECONDS" else str
        group.add_argument(f"--{name}", metavar=metavar, type=kind)


# What the cell is told by; the words of its release axes are about --axis, and come last.
_GIVEN = sorted(
    (axis for axis in AXES if axis.searching is not None), key=lambda axis: axis.of_releases
)
# What a run is given as it is.
_HANDED_ON = {
    "wrapper": "COMMAND",
    "wrapper-name": "NAME",
    "constructor": "MODULE:CLASS",
    "image": "IMAGE",
    "start-timeout": "SECONDS",
}


@dataclass(frozen=True)
class Task:
    """What is looked for, and where.

    Attributes:
        releases: of the axis, from the good end to the bad one.
        cells: the cell of each of them.
        unplanned: releases between the ends whose cells don't have the check.
    """

    check: str
    axis: str
    releases: Sequence[str]
    cells: Mapping[str, Cell]
    unplanned: frozenset[str]
    options: RunOptions

    @property
    def title(self) -> str:
        """Give what the axis's releases are called."""
        return BY_NAME[self.axis].title


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    known = axes.load()
    runs = given_results.runs(arguments.results)
    task = _task(arguments, known, runs)
    say(console, words.beginning(task.title, task.check, list(task.cells.values())))
    signal.signal(signal.SIGTERM, run.interrupt)
    return _search(task, runs, known, console)


def _search(task: Task, runs: Sequence[Run], known: Axes, console: Console) -> int:
    began = looked = time.monotonic()

    def told(seen: Seen, left: int) -> None:
        nonlocal looked
        now = time.monotonic()
        say(console, words.look(seen, now - looked, left))
        looked = now

    with _prober(task, runs, known, console) as prober:
        skipping = _Skipping(prober, task)
        answer = bisection.search(task.releases, skipping, told)
        cause = None
        if isinstance(answer, Found) and task.axis == "kserve" and isinstance(prober, ByRunning):
            cause = _cause(answer, prober, known, console)
    for line in words.answer(task.title, task.check, answer, cause):
        say(console, line)
    if isinstance(answer, Found):
        if cause is not None and cause.is_of_packages:
            say(console, _packages(answer, known))
        if runs and task.axis == "kserve":
            say(console, "the cause was not looked into: that needs runs, without --results")
    say(console, f"found in {time.monotonic() - began:.0f} s")
    return exit_code(answer)


def exit_code(answer: Answer) -> ExitCode:
    """Judge: 0 where the one release is known, 1 where both ends are the same, 3 else."""
    if isinstance(answer, Agreed):
        return ExitCode.AGAINST_SUBJECT
    unknown = isinstance(answer, Flaky) or answer.skipped
    return ExitCode.NOT_KNOWN if unknown else ExitCode.AS_EXPECTED


@contextlib.contextmanager
def _prober(
    task: Task, runs: Sequence[Run], known: Axes, console: Console
) -> Iterator[FromResults | ByRunning]:
    if runs:
        yield FromResults(runs, task.check, task.cells.__getitem__)
        return
    for sentence in torchserve.sweep():
        say(console, sentence)
    with ByRunning(task.options, task.check, task.cells.__getitem__, known, console) as running:
        yield running


class _Skipping:
    """Leaves aside the releases on which the check isn't made."""

    def __init__(self, prober: Prober, task: Task) -> None:
        self._prober = prober
        self._task = task
        self.again = prober.again

    def look(self, release: str) -> Seen:
        if release in self._task.unplanned:
            why = f"expectations.toml plans no {self._task.check} there"
            return Seen(release, (lacking(self._task.cells[release], self._task.check, why),))
        return self._prober.look(release)


def _cause(found: Found, prober: ByRunning, known: Axes, console: Console) -> Cause | None:
    try:
        locks = {
            seen.release: locking.find(known.release(seen.release))
            for seen in (found.before, found.after)
        }
    except DataFileError as error:
        say(console, f"the cause can't be looked into: {error}")
        return None
    python = locks[found.after.release].release.python

    def beside(kserve: str, packages: str) -> Seen:
        lock = hybrid.make(locks[kserve], locks[packages], python, known)
        began = time.monotonic()
        seen = prober.with_lock(kserve, lock.path)
        look = causes.Look(kserve, packages, seen)
        say(console, f"{look}, {time.monotonic() - began:.0f} s")
        return seen

    pythons = {release: lock.release.python for release, lock in locks.items()}
    return causes.of(found, pythons, beside)


def _packages(found: Found, known: Axes) -> str:
    before, after = (
        locking.find(known.release(seen.release)) for seen in (found.before, found.after)
    )
    named = [
        f"{name} {old} -> {new}" for name, (old, new) in hybrid.differing(before, after).items()
    ]
    return f"packages that differ: {', '.join(named)}"


def _task(arguments: argparse.Namespace, known: Axes, runs: Sequence[Run]) -> Task:
    """Work out what is asked for.

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
    wanted = dataclasses.replace(wanted, check=(arguments.check,))
    planned = run.make_plan(
        dataclasses.replace(wanted, cell=tuple(cell.id for cell in cells.values()))
    )
    lacks = frozenset(release for release, cell in cells.items() if cell.id not in planned.checks)
    return Task(arguments.check, arguments.axis, releases, cells, lacks, wanted)


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
        planned = run.make_plan(dataclasses.replace(wanted, cell=(arguments.cell,)))
        return planned.cells[0]
    searched = getattr(arguments, arguments.axis)
    if searched is not None:
        raise BisectError(
            f"--{arguments.axis} {searched} is of the axis that is searched: leave it out, or "
            "search another --axis"
        )
    given = {}
    for axis in _GIVEN:
        named, points = getattr(arguments, axis.name), known.offered[axis.name]
        if named is not None and named not in points:
            raise BisectError(f"--{axis.name} {named}: there is only {', '.join(points)}")
        given[axis.name] = named or known.defaults[axis.name]
    return Cell.at({**known.defaults, **given, "runtime": runtime})


def _options(arguments: argparse.Namespace, runtime: str, runs: Sequence[Run]) -> RunOptions:
    given = {name: getattr(arguments, name.replace("-", "_")) for name in _HANDED_ON}
    if runs:
        wrapper = runs[0].header.wrapper
        given |= {"wrapper": wrapper["command"], "constructor": wrapper["constructor"]}
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return options.parsed([*words, f"--runtime={runtime}"])


def _runtime_of(wanted: str, runs: Sequence[Run]) -> str:
    there = list(dict.fromkeys(str(each.header.runtime) for each in runs))
    if wanted == "auto" and len(there) == 1:
        return there[0]
    if wanted not in there:
        raise BisectError(f"the results are of {' and '.join(there)}: say --runtime with one")
    return wanted

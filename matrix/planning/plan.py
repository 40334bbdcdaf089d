"""Which cells a run has, and which checks each of them gets."""

from __future__ import annotations

import datetime
import difflib
import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kserve_conformance.errors import DataFileError, WrongUsage
from kserve_conformance.results.verdict import Verdict

from matrix.planning import coverage
from matrix.planning import policy as policies
from matrix.planning.axes import Axes
from matrix.planning.axis_table import BY_NAME, CHOSEN, NAMES
from matrix.planning.cells import Cell
from matrix.planning.conditions import AnyOf
from matrix.planning.coverage import Coverage
from matrix.planning.expectations import Expectations, ExpectedVerdict
from matrix.planning.options import RunOptions
from matrix.planning.policy import Known, Policy

# Of so many points all are told to who names none of them; of more the nearest.
_MOST_SHOWN = 40

# The order in which cells go through the axes, what is dearest to change first; axes that aren't
# named here come before them.
_INNERMOST = ("torchserve", "kserve", "runtime", "protocol", "envelope")
_NESTED = sorted(NAMES, key=lambda name: name in _INNERMOST and _INNERMOST.index(name) + 1)
# The axes that decide together whether there is a cell.
_MEETING = ("kserve", "protocol", "envelope")
_met = operator.itemgetter(*map(_NESTED.index, _MEETING))

# The check that judges the statements of the conformance suite, which are checks of their own.
CONFORMANCE = "conformance"


class PlanError(WrongUsage):
    """A selection that can't be run. Its text says which word is wrong and what there is."""


@dataclass(frozen=True)
class Plan:
    """The cells of a run in their order, and the ids of the checks of each.

    Attributes:
        checks: by cell id.
        constructor_known: whether the wrapper's model class was named.
        repeat: how often each cell is run, with a wrapper of its own each time.
        policy: says which checks are known to fail, None where none is.
        today: the day on which its entries must still be in force.
    """

    cells: tuple[Cell, ...]
    checks: Mapping[str, tuple[str, ...]]
    expectations: Expectations
    constructor_known: bool
    repeat: int = 1
    policy: Policy | None = None
    today: datetime.date = field(default_factory=policies.today)

    @property
    def planned_checks(self) -> int:
        """Count the attempts at the checks of all cells."""
        return self.repeat * sum(len(checks) for checks in self.checks.values())

    def visits(self) -> list[Cell]:
        """List the cells in the order in which they are run, each attempt by itself."""
        return self._attempts_at(self.cells)

    def visits_of(self, check: str) -> list[Cell]:
        """List the visits in which a check is made, or one of those that it stands for."""
        made = {check}
        if check == CONFORMANCE:
            made |= self.expectations.statements.keys()
        return self._attempts_at(
            cell for cell in self.cells if not made.isdisjoint(self.checks[cell.id])
        )

    def _attempts_at(self, cells: Iterable[Cell]) -> list[Cell]:
        attempts = range(1, self.repeat + 1)
        return [replace(cell, attempt=attempt) for cell in cells for attempt in attempts]

    def statements_of(self, cell: Cell) -> list[str]:
        """List the statements of the conformance suite that are judged in a cell."""
        return [each for each in self.checks[cell.id] if each in self.expectations.statements]

    def exception(self, cell: Cell, check: str) -> ExpectedVerdict | None:
        """Give what expectations.toml expects of a check in a cell, None where it has to pass."""
        point = self.expectations.point(cell.axes(), self.constructor_known)
        return self.expectations.exception_at(check, point)

    def expected_verdict(self, cell: Cell, check: str) -> Verdict:
        """Give the verdict that is expected of a check in a cell."""
        exception = self.exception(cell, check)
        if exception is not None:
            return exception.verdict
        known = self.policy and self.policy.failing(check, cell.axes(), self.today)
        return Verdict.FAILED if known else Verdict.PASSED

    def is_binding(self, cell: Cell, check: str) -> bool:
        """Tell whether a departure is held against the wrapper: not where it is known as flaky."""
        return not (self.policy and self.policy.flaky(check, cell.axes(), self.today))

    def instances(self) -> list[tuple[str, str]]:
        """List the TorchServe instances that the cells need, as (release, envelope)."""
        return list(dict.fromkeys((cell.torchserve, cell.envelope) for cell in self.cells))


def make(
    axes: Axes,
    expectations: Expectations,
    options: RunOptions,
    runtime: str,
    constructor_known: bool,
    policy: Policy | None = None,
    own: Mapping[str, Sequence[str]] | None = None,
) -> Plan:
    """Make the plan of a run.

    Args:
        runtime: how TorchServe will run, ``container`` or ``process``.
        own: by axis, the points that the subject itself is at, whichever are offered.

    Raises:
        DataFileError: when the data files contradict each other.
        PlanError: when a selected word isn't on its axis, two options contradict each other, or
            nothing is left to run.
    """
    _refuse_unmatched(axes, expectations, policy)
    selected = {**_selected(axes, options, own or {}), "runtime": (runtime,)}
    cells = cells_at(axes, expectations, selected)
    interplay = coverage_of(axes, options)
    if options.cell:
        if interplay != "full":
            raise PlanError(
                f"--coverage {interplay} chooses among the cells of the axes, and --cell "
                "names them: use one of the two"
            )
        _refuse_unknown("cell", options.cell, (cell.id for cell in cells))
        cells = [cell for cell in cells if cell.id in options.cell]
    else:
        admits = axes.named(options.profile).admits
        cells = [cell for cell in cells if admits(cell.axes())]
    # A check that is named is made whatever the profile leaves out.
    profile = None if options.check else options.profile
    checks = {
        cell.id: expectations.checks_at(expectations.point(cell.axes(), constructor_known), profile)
        for cell in cells
    }
    if options.cell:
        _refuse_left_out(options.profile, checks)
    if options.check:
        _refuse_unknown("check", options.check, expectations.every)
        wanted = set(options.check)
        if CONFORMANCE in wanted:
            wanted |= expectations.statements.keys()
        checks = {
            cell.id: tuple(check for check in checks[cell.id] if check in wanted) for cell in cells
        }
    cells = coverage.reduced([cell for cell in cells if checks[cell.id]], interplay)
    if not cells:
        raise PlanError("nothing is left to run: no cell has all that was selected")
    return Plan(
        tuple(cells),
        {cell.id: checks[cell.id] for cell in cells},
        expectations,
        constructor_known,
        options.repeat,
        policy,
    )


def coverage_of(axes: Axes, options: RunOptions) -> Coverage:
    """Give how much of the interplay of axes a run has: what is asked for, or its profile's own.

    Cells that are named are run, all of them.
    """
    own: Coverage = "full" if options.cell else axes.named(options.profile).coverage
    return options.coverage or own


def around(
    axes: Axes, expectations: Expectations, profile: str, cells: Sequence[Cell]
) -> list[Cell]:
    """Give all cells that a plan could have, to say what share of them it has.

    They are those of the profile and of the plan's other releases, with every PROTOCOL_VERSION and
    envelope, on the points of the other axes that the plan is about.
    """
    selection = {
        name: list(dict.fromkeys(getattr(cell, name) for cell in cells))
        for name in NAMES
        if not BY_NAME[name].every_point
    }
    kserve = {*axes.profile(profile), *selection["kserve"]}
    every = cells_at(axes, expectations, {**selection, "kserve": axes.in_order("kserve", kserve)})
    admits, chosen = axes.named(profile).admits, set(cells)
    return [cell for cell in every if cell in chosen or admits(cell.axes())]


def _selected(
    axes: Axes, options: RunOptions, own: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    selected = {**own}
    for name in (axis.name for axis in CHOSEN if axis.name not in own):
        words, offered = axes.resolved(getattr(options, name), name), axes.offered[name]
        _refuse_unknown(name, words, offered)
        # In the order of the axis, each once.
        chosen = tuple(point for point in offered if point in words)
        # A cell that is named is run whatever the profile holds.
        usual = () if options.cell else axes.usual(name, options.profile)
        selected[name] = chosen or usual or offered
    return selected


def cells_at(
    axes: Axes, expectations: Expectations, selection: Mapping[str, Sequence[str]]
) -> list[Cell]:
    """List the cells at some points, each PROTOCOL_VERSION with the envelopes that it meets.

    Args:
        selection: the points by axis, all of them where an axis isn't named.

    Raises:
        PlanError: when expectations.toml doesn't say what a PROTOCOL_VERSION comes to.
    """
    for name in axes.protocols:
        if name not in expectations.services and name not in expectations.refusals:
            raise DataFileError(
                f"expectations.toml says nothing of PROTOCOL_VERSION {name!r} of axes.toml: add "
                "it to serves or to refuses"
            )
    chosen = {axis: selection.get(axis, axes.offered[axis]) for axis in _NESTED}
    there = {
        (kserve, protocol, envelope)
        for kserve, protocol, envelope in itertools.product(*(chosen[axis] for axis in _MEETING))
        if _is_there(kserve, protocol, envelope, axes, expectations)
    }
    return [
        Cell.at(dict(zip(_NESTED, each, strict=True)))
        for each in itertools.product(*chosen.values())
        if _met(each) in there
    ]


def _is_there(
    kserve: str, protocol: str, envelope: str, axes: Axes, expectations: Expectations
) -> bool:
    if envelope not in expectations.envelopes(protocol):
        return False
    service = expectations.service(protocol, envelope)
    profile = None if service is None else service.profile
    return profile is None or kserve in axes.profile(profile)


class _Points:
    """The points that cells can be at."""

    def __init__(self, axes: Axes, expectations: Expectations) -> None:
        # The other axes have no say in which cells there are.
        self._free = {axis: axes.offered[axis] for axis in _NESTED if axis not in _MEETING}
        anywhere = {axis: points[:1] for axis, points in self._free.items()}
        self._met = [
            expectations.point(cell.axes(), known)
            for cell in cells_at(axes, expectations, anywhere)
            for known in (True, False)
        ]
        self._known: dict[frozenset[str], list[dict[str, str]]] = {}
        # By which conditions they are: those of a profile's statements are the same ones.
        self._meet: dict[tuple[int, ...], bool] = {}

    def differing_in(self, *names: str) -> list[dict[str, str]]:
        """Give one of them for all that they are together on some axes.

        These may be what conditions name beside the axes, too.
        """
        named = frozenset(names)
        if named not in self._known:
            met = named.difference(self._free)
            alike = {tuple(point[name] for name in met): point for point in self._met}
            free = {axis: points for axis, points in self._free.items() if axis in named}
            self._known[named] = [
                {**point, **dict(zip(free, each, strict=True))}
                for point in alike.values()
                for each in itertools.product(*free.values())
            ]
        return self._known[named]

    def meet(self, *conditions: AnyOf) -> bool:
        """Tell whether all of some conditions, which live as long as this, hold at one of them."""
        asked = tuple(map(id, conditions))
        if asked not in self._meet:
            names = (axis for each in conditions for axis in each.axes)
            self._meet[asked] = any(
                all(each.holds(point) for each in conditions) for point in self.differing_in(*names)
            )
        return self._meet[asked]


def _refuse_unmatched(axes: Axes, expectations: Expectations, policy: Policy | None) -> None:
    """Refuse entries of expectations.toml and of a policy that no cell of the matrix meets."""
    points = _Points(axes, expectations)
    for name, profile in axes.profiles.items():
        named = profile.points.keys() | (profile.when.axes if profile.when else ())
        admitted = [point for point in points.differing_in(*named) if profile.admits(point)]
        for axis, listed in profile.points.items():
            if idle := set(listed) - {point[axis] for point in admitted}:
                wrong = f"none of its cells has {axis} {', '.join(sorted(idle))}: mend its 'when'"
                raise DataFileError(wrong, f"profile.{name}", "axes.toml")
    for check in expectations.every.values():
        if not points.meet(check.when):
            wrong = f"check {check.id} meets no cell: mend its 'when'"
            raise DataFileError(wrong, path="expectations.toml")
    for left_out in expectations.left_out:
        whens = (expectations.every[name].when for name in left_out.checks)
        if not any(points.meet(left_out.when, when) for when in whens):
            wrong = f"the entry '{left_out.reason}' leaves nothing out: mend it, or remove it"
            raise DataFileError(wrong, path="expectations.toml")
    entries: list[tuple[str, ExpectedVerdict | Known]] = [
        ("expectations.toml", each) for each in expectations.exceptions
    ]
    if policy is not None:
        entries += [("the policy", each) for each in (*policy.known_failing, *policy.known_flaky)]
    for file, entry in entries:
        for name in entry.checks:
            if not points.meet(expectations.every[name].when, entry.when):
                raise DataFileError(
                    f"{file}: the entry '{entry.reason}' meets no cell of check {name}: mend its "
                    "'when', or remove it"
                )


def _refuse_left_out(profile: str, checks: Mapping[str, Sequence[str]]) -> None:
    for cell, made in checks.items():
        if not made:
            raise PlanError(
                f"--cell {cell}: the profile {profile} makes no check in it: name checks with "
                "--check, or leave --profile out"
            )


def _refuse_unknown(axis: str, words: Sequence[str], points: Iterable[str]) -> None:
    points = list(points)
    for word in words:
        if word not in points:
            raise PlanError(f"--{axis} {word}: there is no such {axis}; {_hint(word, points)}")


def _hint(word: str, points: Sequence[str]) -> str:
    hidden = len(points) - _MOST_SHOWN
    near = difflib.get_close_matches(word, points) if hidden > 0 else []
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {hidden} more" if hidden > 0 else ""
    return f"there are {', '.join(points[:_MOST_SHOWN])}{more}"

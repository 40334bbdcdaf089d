"""Whether results are evidence at all: young enough, whole, of a commit, and of enough cells."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kserve_conformance.results.results_file import Given

from matrix.gate.reasons import Reason, Rule
from matrix.planning.axes import Axes
from matrix.planning.policy import Effect, Policy, Requirement
from matrix.results.attempts import JudgedCell
from matrix.results.pass_rate import percent


def judged(
    given: Sequence[Given],
    cells: Sequence[JudgedCell],
    policy: Policy,
    axes: Axes,
    today: datetime.date,
    checked_out: str | None,
) -> list[Reason]:
    """List what results lack."""
    reasons = [
        reason for each in given for reason in _of_run(each, policy, today) if reason is not None
    ]
    reasons += _of_commits(given, policy, checked_out)
    for requirement in policy.requirements:
        reasons += _requirement(requirement, cells, axes)
    coverage = _coverage(cells, policy)
    return [*reasons, coverage] if coverage else reasons


def _of_run(given: Given, policy: Policy, today: datetime.date) -> list[Reason | None]:
    header, evidence = given.run.header, policy.evidence
    commit = header.commit or "an unknown commit"
    return [
        _effect(
            given.run.cut_short and evidence.cut_short,
            Rule.CUT_SHORT,
            f"{given.path}: {given.run.sentence()}",
        ),
        _age(given, evidence.most_days, today),
        _effect(
            (header.commit is None or commit.endswith("-dirty")) and evidence.dirty_commit,
            Rule.DIRTY_COMMIT,
            f"{given.path} is of {commit}: no commit gives these results again",
        ),
    ]


def _of_commits(
    given: Sequence[Given], policy: Policy, checked_out: str | None
) -> Iterator[Reason]:
    commits = {each.path: each.run.header.commit for each in given if each.run.header.commit}
    # Where no commit is checked out, results can still be of several.
    wanted = checked_out or next(iter(commits.values()), None)
    for path, commit in commits.items():
        # Whether files were changed since is the matter of another rule.
        if wanted is None or commit.removesuffix("-dirty") == wanted.removesuffix("-dirty"):
            continue
        other = f"{wanted} is checked out" if checked_out else f"{next(iter(commits))} of {wanted}"
        told = f"{path} is of commit {commit}, and {other}"
        reason = _effect(policy.evidence.other_commit, Rule.OTHER_COMMIT, told)
        if reason is not None:
            yield reason


def _effect(effect: Effect | bool, rule: Rule, sentence: str) -> Reason | None:
    if effect in (False, "allow"):
        return None
    return Reason(rule, sentence, blocks=effect == "block")


def _age(given: Given, most_days: int, today: datetime.date) -> Reason | None:
    started = datetime.datetime.fromisoformat(given.run.header.started)
    days = (today - started.astimezone(datetime.UTC).date()).days
    if days > most_days:
        wants = f"the policy takes those of at most {most_days}"
        return Reason(Rule.TOO_OLD, f"{given.path} is {days} days old, and {wants}: run again")
    if days < -1:
        sentence = f"{given.path} is of {started.date()}, which is still to come: mend the clock"
        return Reason(Rule.TOO_OLD, sentence)
    return None


def _requirement(requirement: Requirement, cells: Iterable[JudgedCell], axes: Axes) -> list[Reason]:
    there = [cell for cell in cells if cell.is_judged and requirement.when.holds(cell.axes)]
    wanted = dict(requirement.points)
    if requirement.profile is not None:
        releases = axes.profile(requirement.profile)
        wanted["kserve"] = tuple(dict.fromkeys((*wanted.get("kserve", ()), *releases)))
    lacks = [
        *_lacking_points(wanted, there),
        *_too_few(requirement, there),
    ]
    if not there:
        lacks = ["no cell that it is about was judged"]
    return [
        Reason(Rule.REQUIREMENT, f"'{requirement.name}' lacks evidence: {lack}") for lack in lacks
    ]


def _lacking_points(wanted: dict[str, Sequence[str]], there: Sequence[JudgedCell]) -> list[str]:
    lacks = []
    for axis, points in wanted.items():
        found = {cell.axes[axis] for cell in there}
        absent = [point for point in points if point not in found]
        if absent:
            lacks.append(f"no judged cell has {axis} {', '.join(absent)}")
    return lacks


def _too_few(requirement: Requirement, there: Sequence[JudgedCell]) -> list[str]:
    lacks = []
    for axis, least in requirement.least.items():
        number = len({cell.name if axis == "cells" else cell.axes[axis] for cell in there})
        if number < least:
            what = "cells" if axis == "cells" else f"points of {axis}"
            lacks.append(f"{number} judged {what}, and {least} are wanted")
    for axis, least in requirement.least_cells_each.items():
        counts = Counter(cell.axes[axis] for cell in there)
        few = [f"{point} ({number})" for point, number in counts.items() if number < least]
        if few:
            lacks.append(f"fewer than {least} judged cells with {axis} {', '.join(few)}")
    return lacks


def _coverage(cells: Iterable[JudgedCell], policy: Policy) -> Reason | None:
    required = [cell for cell in cells if policy.is_required(cell.axes)]
    attempts = [each for cell in required for each in cell.attempts.values()]
    number = sum(each.is_judged for each in attempts)
    least = policy.evidence.least_coverage
    if not attempts or number / len(attempts) >= least:
        return None
    lacking = [
        cell for cell in required if not all(each.is_judged for each in cell.attempts.values())
    ]
    left_out = sum(each.planned == 0 for each in attempts)
    why = f"; {left_out} of them were left out of the run (--check)" if left_out else ""
    return Reason(
        Rule.COVERAGE,
        # Rounded down: what lacks one check is not 100%.
        f"{number} of {len(attempts)} checks of the required cells were judged "
        f"({number * 1000 // len(attempts) / 10}%), and {percent(least)} is wanted{why}",
        cells=tuple(lacking),
    )

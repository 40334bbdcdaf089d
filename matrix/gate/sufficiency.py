"""Whether results are evidence at all: young enough, whole, of a commit, and of enough cells."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

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
) -> Iterator[Reason]:
    """Give what results lack."""
    for each in given:
        yield from _of_run(each, policy, today)
    yield from _of_commits(given, policy, checked_out)
    for requirement in policy.requirements:
        for lack in _lacking(requirement, cells, axes):
            yield Reason(Rule.REQUIREMENT, f"'{requirement.name}' lacks evidence: {lack}")
    yield from _coverage(cells, policy)


def _of_run(given: Given, policy: Policy, today: datetime.date) -> Iterator[Reason]:
    header, evidence = given.run.header, policy.evidence
    if given.run.cut_short:
        sentence = f"{given.path}: {given.run.sentence()}"
        yield from _effect(evidence.cut_short, Rule.CUT_SHORT, sentence)
    started = datetime.datetime.fromisoformat(header.started)
    days = (today - started.astimezone(datetime.UTC).date()).days
    if days > evidence.most_days:
        wants = f"the policy takes those of at most {evidence.most_days}"
        yield Reason(Rule.TOO_OLD, f"{given.path} is {days} days old, and {wants}: run again")
    elif days < -1:
        sentence = f"{given.path} is of {started.date()}, which is still to come: mend the clock"
        yield Reason(Rule.TOO_OLD, sentence)
    commit = header.commit or "an unknown commit"
    if header.commit is None or commit.endswith("-dirty"):
        sentence = f"{given.path} is of {commit}: no commit gives these results again"
        yield from _effect(evidence.dirty_commit, Rule.DIRTY_COMMIT, sentence)
    if header.start == "forked":
        sentence = f"{given.path} has wrappers that were forked, not started as in a pod"
        yield from _effect(
            evidence.forked_start, Rule.FORKED_START, f"{sentence}: run with --start exact"
        )


def _of_commits(
    given: Sequence[Given], policy: Policy, checked_out: str | None
) -> Iterator[Reason]:
    commits = {each.path: each.run.header.commit for each in given if each.run.header.commit}
    # Where no commit is checked out, results can still be of several.
    wanted = checked_out or next(iter(commits.values()), "")
    for path, commit in commits.items():
        # Whether files were changed since is the matter of another rule.
        if commit.removesuffix("-dirty") != wanted.removesuffix("-dirty"):
            other = (
                f"{wanted} is checked out" if checked_out else f"{next(iter(commits))} of {wanted}"
            )
            told = f"{path} is of commit {commit}, and {other}"
            yield from _effect(policy.evidence.other_commit, Rule.OTHER_COMMIT, told)


def _effect(effect: Effect, rule: Rule, sentence: str) -> Iterator[Reason]:
    if effect != "allow":
        yield Reason(rule, sentence, blocks=effect == "block")


def _lacking(requirement: Requirement, cells: Sequence[JudgedCell], axes: Axes) -> Iterator[str]:
    there = [cell for cell in cells if cell.is_judged and requirement.when.holds(cell.axes)]
    if not there:
        yield "no cell that it is about was judged"
        return
    wanted: Mapping[str, Sequence[str]] = requirement.points
    if requirement.profile is not None:
        releases = (*wanted.get("kserve", ()), *axes.profile(requirement.profile))
        wanted = {**wanted, "kserve": tuple(dict.fromkeys(releases))}
    counts = {axis: Counter(cell.axes[axis] for cell in there) for axis in there[0].axes}
    for axis, points in wanted.items():
        absent = [point for point in points if point not in counts[axis]]
        if absent:
            yield f"no judged cell has {axis} {', '.join(absent)}"
    for axis, least in requirement.least.items():
        number = len({cell.name for cell in there} if axis == "cells" else counts[axis])
        if number < least:
            what = "cells" if axis == "cells" else f"points of {axis}"
            yield f"{number} judged {what}, and {least} are wanted"
    for axis, least in requirement.least_cells_each.items():
        few = [f"{point} ({number})" for point, number in counts[axis].items() if number < least]
        if few:
            yield f"fewer than {least} judged cells with {axis} {', '.join(few)}"


def _coverage(cells: Sequence[JudgedCell], policy: Policy) -> Iterator[Reason]:
    required = [cell for cell in cells if policy.is_required(cell.axes)]
    attempts = [each for cell in required for each in cell.attempts.values()]
    number = sum(each.is_judged for each in attempts)
    least = policy.evidence.least_coverage
    if not attempts or number / len(attempts) >= least:
        return
    lacking = [
        cell for cell in required if not all(each.is_judged for each in cell.attempts.values())
    ]
    left_out = sum(each.planned == 0 for each in attempts)
    why = (
        f"; {left_out} of them were left out of the run (--check, --profile quick)"
        if left_out
        else ""
    )
    yield Reason(
        Rule.COVERAGE,
        # Rounded down: what lacks one check is not 100%.
        f"{number} of {len(attempts)} checks of the required cells were judged "
        f"({number * 1000 // len(attempts) / 10}%), and {percent(least)} is wanted{why}",
        cells=tuple(lacking),
    )

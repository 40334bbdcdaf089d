"""The answer to whether a release of KServe can be upgraded to, told as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.record import Header
from kserve_conformance.text.redaction import HIDDEN

from matrix.diff.comparison import Group
from matrix.diff.groups import Teller
from matrix.planning import options, plan
from matrix.planning.axes import Axes
from matrix.planning.axis_table import CHOSEN
from matrix.planning.cells import Cell
from matrix.planning.control_planes import ABSENT, DECLARED, ControlPlane, RuntimeKind
from matrix.planning.counted import many
from matrix.planning.expectations import Expectations
from matrix.planning.options import RunOptions
from matrix.planning.subject import OURS_COMMAND
from matrix.results import cells_in_words, grouping
from matrix.upgrade.answering import Assessment, Service, Unknown

_MOST_GROUPS = 12
_MOST_OF_OTHERS = 4


@dataclass(frozen=True)
class Words:
    """Tells an answer; all of it with ``every_group``, however much it is."""

    answer: Assessment
    axes: Axes
    expected: Expectations
    every_group: bool = False

    def lines(self) -> Iterator[str]:
        """Give it line by line, the answer first."""
        answer = self.answer
        yield self.headline()
        yield f"control plane: {self._control_plane()}"
        teller = Teller(answer.cells, self.expected)
        yield from self._told("breaks", answer.breaks, teller, _MOST_GROUPS)
        for service in answer.services:
            yield self._service(service)
            yield from self._told("breaks", service.breaks, teller, _MOST_GROUPS)
        yield from self._told("comes", answer.comes, teller, _MOST_OF_OTHERS)
        yield from self._told("fails on both", answer.failing, teller, _MOST_OF_OTHERS)
        if answer.unknown:
            yield from self._unknown()

    def headline(self) -> str:
        """Answer in one line."""
        answer, question = self.answer, self.answer.question
        place = list(self.axes.kserve).index
        kind = "downgrade" if place(question.target) < place(question.source) else "upgrade"
        name = answer.header.wrapper["name"]
        step = f"{kind} of {name} from KServe {question.source} to {question.target}"
        backends = " and ".join(question.runtimes)
        code = answer.exit_code()
        if code == ExitCode.AGAINST_SUBJECT:
            more = ", and not everything is known" if answer.unknown else ""
            return f"no: {step}: {' and '.join(self._broken())}{more}"
        if code == ExitCode.NOT_KNOWN:
            cells = many(len(answer.unknown), "cell")
            return f"not known: {step}: the results don't judge {cells} that the answer needs"
        return (
            f"yes: {step}: nothing that works breaks, in {answer.compared} checks of "
            f"{len(answer.cells)} cells on {backends}, with every PROTOCOL_VERSION"
        )

    def _broken(self) -> Iterator[str]:
        services = self.answer.services
        groups = [*self.answer.breaks, *(each for one in services for each in one.breaks)]
        checks = sum(len(group.pairs) for group in groups)
        if checks:
            yield f"{many(checks, 'check')} that passed would no longer pass"
        refused = [each.protocol_version for each in services if each.target is None]
        if refused:
            yield f"services with protocolVersion {', '.join(refused)} would not be accepted"

    def _control_plane(self) -> str:
        question = self.answer.question
        releases = question.source, question.target
        planes = (self.axes.control_plane(each) for each in releases)
        changes = list(_plane_changes(*planes))
        if not changes:
            return f"KServe {question.target}'s sets the same as that of {question.source}"
        return f"KServe {question.target}'s {'; it '.join(changes)}"

    def _service(self, service: Service) -> str:
        given = service.protocol_version
        whose = "no protocolVersion" if given == ABSENT else f"protocolVersion {given}"
        if service.target is None:
            return f"service with {whose}: {self.answer.question.target} doesn't accept it"
        if service.breaks:
            end = "what breaks beyond that:"
        else:
            end = "nothing breaks by that" if service.is_known else "what that does is not known"
        return f"service with {whose}: {_move(service.source, service.target)}; {end}"

    def _told(self, what: str, groups: Sequence[Group], teller: Teller, most: int) -> Iterator[str]:
        shown = groups if self.every_group else groups[:most]
        for group in shown:
            first, *others = teller.text(group)
            yield f"{what}: {first.partition(': ')[2]}"
            yield from others
        hidden = sum(len(group.pairs) for group in groups[len(shown) :])
        if hidden:
            yield f"{what}: {many(hidden, 'more check')}: --all tells them"

    def _unknown(self) -> Iterator[str]:
        unknown = self.answer.unknown
        partly = [each for each in unknown if each.checks]
        if partly:
            checks = sum(len(each.checks) for each in partly)
            yield (
                f"not known: {many(checks, 'check')} of {many(len(partly), 'cell')} that the "
                f"results have, such as {partly[0].checks[0]} in {partly[0].cell.id}"
            )
        absent = [each for each in unknown if not each.checks]
        if absent:
            where = cells_in_words.of_cells((each.cell for each in absent), self.answer.needed)
            cells = many(len(absent), "cell")
            yield f"not known: {cells} that the results don't have: {where}"
        told = commands(unknown, self.answer.header, self.axes, self.expected)
        yield from (f"run: {command}" for command in told)
        if HIDDEN in " ".join(told):
            yield f"{HIDDEN} stands for a secret that results don't keep: put yours in"
        instead = ", in place of results that hold the same cells" if partly else ""
        yield f"then ask again, with --results for each file{instead}"


def commands(
    unknown: Sequence[Unknown], header: Header, axes: Axes, expected: Expectations
) -> list[str]:
    """Give the commands that run what isn't known, one for each backend."""
    by_runtime = grouping.gathered((each.cell for each in unknown), lambda cell: cell.runtime)
    return [
        shlex.join(
            [
                *("python", "-m", "matrix", "run"),
                *_options(cells, header, axes, expected).given_arguments(),
                *("--out", f"results/upgrade-{cells[0].runtime}"),
            ]
        )
        for cells in by_runtime
    ]


def _options(
    cells: Sequence[Cell], header: Header, axes: Axes, expected: Expectations
) -> RunOptions:
    names = [axis.name for axis in CHOSEN]
    every = {name: list(dict.fromkeys(getattr(cell, name) for cell in cells)) for name in names}
    chosen = {axis: points for axis, points in every.items() if {*points} != {*axes.usual(axis)}}
    if len(cells) != len(plan.cells_at(axes, expected, {**every, "runtime": ("any",)})):
        # Others would be run, too, which the results have already.
        chosen = {"cell": [cell.id for cell in cells]}
    members = {
        "wrapper": "command",
        "wrapper_name": "name",
        "constructor": "constructor",
        "ports": "ports",
        "subject_image": "image",
    }
    if header.wrapper["command"] == OURS_COMMAND:
        members = {}
    wrapper = {option: header.wrapper.get(member) or None for option, member in members.items()}
    own = list(header.requirements)
    return options.parsed(**chosen, **wrapper, with_=own, runtime=cells[0].runtime)


def _plane_changes(old: ControlPlane, new: ControlPlane) -> Iterator[str]:
    if new.sets_protocol_version and not old.sets_protocol_version:
        yield (
            "sets PROTOCOL_VERSION from now on, to the service's protocolVersion or else to v1, "
            "which it never did before"
        )
    if old.sets_protocol_version and not new.sets_protocol_version:
        yield "never sets PROTOCOL_VERSION, which it did before"
    for version in DECLARED:
        then, now = (plane.pod(version, RuntimeKind.STOCK) for plane in (old, new))
        if then is None and now is not None:
            yield f"accepts protocolVersion {version}, with envelope {now.envelope}"
        elif then is not None and now is None:
            yield f"doesn't accept protocolVersion {version} any more"
        elif then is not None and now is not None and then.envelope != now.envelope:
            yield (
                f"gives protocolVersion {version} the envelope {now.envelope}, and not "
                f"{then.envelope}"
            )


def _move(source: tuple[str, str], target: tuple[str, str]) -> str:
    (old, old_envelope), (new, new_envelope) = source, target
    envelope = old_envelope if old_envelope == new_envelope else f"{old_envelope} to {new_envelope}"
    return f"its pod's PROTOCOL_VERSION goes from {old} to {new}, with envelope {envelope}"

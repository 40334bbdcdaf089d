"""Whether services survive another control plane: what it writes into their pods, and its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.results_file import Given

from matrix.planning.axes import Axes
from matrix.planning.control_planes import (
    DECLARED,
    NO_ENVELOPE,
    SPOKEN_BY,
    ControlPlane,
    Pod,
    RuntimeKind,
    called,
)
from matrix.planning.counted import many
from matrix.planning.expectations import Expectations
from matrix.results import attempts, grouping
from matrix.results.attempts import JudgedCell
from matrix.upgrade.answering import Question, UpgradeError


def put(source: str, target: str, runtimes: Sequence[str], axes: Axes) -> Question:
    """Make a question of two control planes of the words of a command line, as `Question.put`.

    Raises:
        AxesError: for what is no control plane.
        UpgradeError: when both are the same.
    """
    old, new = axes.resolved((source, target))
    for word in (old, new):
        axes.control_plane(word)
    if old == new:
        raise UpgradeError(f"FROM and TO are both {called(old)}: name two control planes")
    return Question(old, new, tuple(runtimes))


@dataclass(frozen=True)
class Change:
    """InferenceServices whose pods are given something else; None where they are refused.

    Attributes:
        services: each as its protocolVersion and the kind of its runtime.
        cells: those of the results that their new pods are at.
    """

    services: Sequence[tuple[str, RuntimeKind]]
    source: Pod | None
    target: Pod | None
    cells: Sequence[JudgedCell] = ()

    @property
    def breaks(self) -> bool:
        """Tell whether services that worked are refused, lose their envelope, or arrive at wrong.

        One whose pod never spoke what it declares has nothing to lose.
        """
        if self.source is None or not any(self._spoke(each) for each, _ in self.services):
            return False
        if self.target is None or self.target.envelope != self.source.envelope:
            return True
        return any(each.fails for cell in self.cells for each in cell.attempts.values())

    @property
    def is_known(self) -> bool:
        """Tell whether the results judge what its new pods are."""
        found = [each for cell in self.cells for each in cell.attempts.values()]
        judged = all(each.is_judged and not each.is_missing for each in found)
        return self.target is None or (bool(found) and judged)

    def _spoke(self, declared: str) -> bool:
        return self.source is not None and SPOKEN_BY.get(declared) == self.source.envelope


@dataclass(frozen=True)
class PlaneAnswer:
    """What another control plane changes.

    Attributes:
        images: what the two pin for KServe's own runtime.
    """

    question: Question
    images: tuple[str | None, str | None]
    changes: Sequence[Change]
    axes: Axes

    def exit_code(self) -> ExitCode:
        """Judge: 1 something breaks, 3 it isn't known, 0 nothing breaks."""
        if any(each.breaks for each in self.changes):
            return ExitCode.AGAINST_SUBJECT
        known = all(each.is_known for each in self.changes)
        return ExitCode.AS_EXPECTED if known else ExitCode.NOT_KNOWN

    def lines(self) -> Iterator[str]:
        """Tell it line by line, the answer first."""
        old, new = called(self.question.source), called(self.question.target)
        step = f"control plane from {old} to {new}"
        broken = sum(len(each.services) for each in self.changes if each.breaks)
        yield {
            ExitCode.AGAINST_SUBJECT: f"no: {step}: {many(broken, 'kind')} of service would break",
            ExitCode.NOT_KNOWN: f"not known: {step}: the results lack cells that it leads to",
            ExitCode.AS_EXPECTED: f"yes: {step}: what its pods are given is as expected",
        }[self.exit_code()]
        before, since = (image or "none" for image in self.images)
        if before != since:
            yield f"image of KServe's own runtime: {since}; before: {before}"
        for change in self.changes:
            yield from self._told(change)
        if not self.changes:
            yield "no pod is given another PROTOCOL_VERSION or envelope"

    def _told(self, change: Change) -> Iterator[str]:
        by_runtime = grouping.gathered(change.services, lambda service: service[1])
        for services in by_runtime:
            versions = ", ".join(declared for declared, _ in services)
            yield f"protocolVersion {versions}, {services[0][1].in_words}:"
        if change.target is None:
            yield "    refused, which it was not before"
            return
        before = "refused" if change.source is None else self._pod(change.source)
        yield f"    {self._pod(change.target)}; before: {before}"
        yield f"    {self._state(change)}"
        if change.breaks and change.target.envelope == NO_ENVELOPE:
            yield "    set TS_SERVICE_ENVELOPE and PROTOCOL_VERSION in the runtime's env"

    def _pod(self, pod: Pod) -> str:
        protocol, envelope = self.axes.arrived_at(pod)
        told = "no envelope" if envelope == NO_ENVELOPE else f"envelope {envelope}"
        return f"PROTOCOL_VERSION {protocol} with {told}"

    def _state(self, change: Change) -> str:
        if not change.cells:
            return "the results have no such cell"
        wrong = [cell for cell in change.cells if any(a.fails for a in cell.attempts.values())]
        there = many(len(change.cells), "cell")
        if wrong:
            return f"{len(wrong)} of {there} not as expected, such as {wrong[0].name}"
        return f"as expected in {there}" if change.is_known else f"not all judged in {there}"


def answer(
    question: Question, given: Sequence[Given], axes: Axes, expected: Expectations
) -> PlaneAnswer:
    """Compare two control planes, and look up in results what the new one leads to."""
    old, new = (axes.control_plane(word) for word in (question.source, question.target))
    cells = [
        cell
        for cell in attempts.cells(given, expected)
        if cell.axes["runtime"] in question.runtimes
    ]
    changes = [
        Change(services, before, since, _at(cells, since, axes))
        for (before, since), services in _moves(old, new).items()
    ]
    return PlaneAnswer(question, (old.image, new.image), changes, axes)


def _moves(
    old: ControlPlane, new: ControlPlane
) -> dict[tuple[Pod | None, Pod | None], list[tuple[str, RuntimeKind]]]:
    moves: dict[tuple[Pod | None, Pod | None], list[tuple[str, RuntimeKind]]] = {}
    for runtime in RuntimeKind:
        for declared in DECLARED:
            both = old.pod(declared, runtime), new.pod(declared, runtime)
            if both[0] != both[1]:
                moves.setdefault(both, []).append((declared, runtime))
    return moves


def _at(cells: Sequence[JudgedCell], pod: Pod | None, axes: Axes) -> list[JudgedCell]:
    if pod is None:
        return []
    point = axes.arrived_at(pod)
    return [cell for cell in cells if (cell.axes["protocol"], cell.axes["envelope"]) == point]

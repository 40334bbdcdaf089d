"""The matrix by control plane: where an InferenceService arrives, and what is known of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.results.record import Run

from matrix.planning import axes, expectations, ranges
from matrix.planning.axes import Axes
from matrix.planning.control_planes import DECLARED, ControlPlane, RuntimeKind
from matrix.planning.expectations import REFUSES
from matrix.reports import grid
from matrix.reports.grid import Point
from matrix.results.states import State

TITLE = "protocolVersion by control plane"
REFUSED, NO_START = "refused", "no start"
# Below the table.
LEGEND = (
    "The worst of the cells that a service arrives at with KServe's own runtime, and after its "
    "removal with any; refused: the control plane makes no pod; no start: a wrapper has to refuse "
    "the PROTOCOL_VERSION that it sets, and does."
)


@dataclass(frozen=True)
class Arrival:
    """What becomes of a service.

    Attributes:
        place: the PROTOCOL_VERSION, by its name, and the envelope of its pod; None where the
            control plane makes none.
        point: what the cells that the pod is at came to, None where the results have none.
        has_to_end: whether a wrapper has to refuse that PROTOCOL_VERSION.
    """

    place: tuple[str, str] | None
    point: Point | None = None
    has_to_end: bool = False

    @property
    def in_a_word(self) -> str | None:
        """Say what is no state of checks: `REFUSED`, or `NO_START` where it has to end and does."""
        if self.place is None:
            return REFUSED
        ends = self.has_to_end and self.point is not None and self.point.state is State.PASSED
        return NO_START if ends else None


@dataclass(frozen=True)
class Row:
    """What the services of one control plane come to, by protocolVersion."""

    control_plane: str
    arrivals: Mapping[str, Arrival]

    @property
    def tells(self) -> bool:
        """Tell whether one of them comes to something that only results know."""
        return any(each.point and not each.in_a_word for each in self.arrivals.values())


def of(runs: Iterable[Run]) -> Sequence[Row]:
    """Lay runs out, such as those of both backends, a row for each control plane of axes.toml.

    One that leads to none of their cells has no row.
    """
    known, expected = axes.load(), expectations.load()
    found = grid.points(runs, lambda cell: (cell.protocol, cell.envelope))

    def arrival(plane: ControlPlane, declared: str) -> Arrival:
        runtime = RuntimeKind.OTHER if plane.image is None else RuntimeKind.STOCK
        pod = plane.pod(declared, runtime)
        if pod is None:
            return Arrival(None)
        place = known.arrived_at(pod)
        return Arrival(place, found.get(place), expected.outcome(place[0]) == REFUSES)

    rows = (
        Row(_called(plane, known), {each: arrival(plane, each) for each in DECLARED})
        for plane in known.control_planes
    )
    return [row for row in rows if row.tells]


def _called(plane: ControlPlane, known: Axes) -> str:
    if plane.name is not None:
        return plane.name
    return f"KServe {ranges.in_words(filter(plane.is_of, known.kserve), list(known.kserve))}"

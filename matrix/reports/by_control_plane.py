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
class Row:
    """What the services of one control plane come to.

    Attributes:
        points: by protocolVersion; `REFUSED` where there is no pod, `NO_START` where it has to end
            and does, None where the results have no cell that the pod is at.
    """

    control_plane: str
    points: Mapping[str, Point | str | None]


def of(runs: Iterable[Run]) -> Sequence[Row]:
    """Lay runs out, such as those of both backends, a row for each control plane of axes.toml.

    One that leads to none of their cells has no row.
    """
    known = axes.load()
    found: dict[tuple[str, str], Point | str] = {}
    expected = expectations.load()
    for place, point in grid.points(runs, lambda cell: (cell.protocol, cell.envelope)).items():
        ends = expected.outcome(place[0]) == REFUSES and point.state is State.PASSED
        found[place] = NO_START if ends else point
    rows = (
        Row(_called(plane, known), {each: _point(plane, each, known, found) for each in DECLARED})
        for plane in known.control_planes
    )
    return [row for row in rows if any(isinstance(each, Point) for each in row.points.values())]


def _point(
    plane: ControlPlane, declared: str, known: Axes, found: Mapping[tuple[str, str], Point | str]
) -> Point | str | None:
    runtime = RuntimeKind.OTHER if plane.image is None else RuntimeKind.STOCK
    pod = plane.pod(declared, runtime)
    return REFUSED if pod is None else found.get(known.arrived_at(pod))


def _called(plane: ControlPlane, known: Axes) -> str:
    if plane.name is not None:
        return plane.name
    return f"KServe {ranges.in_words(filter(plane.is_of, known.kserve), list(known.kserve))}"

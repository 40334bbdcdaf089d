"""The table of axes: what the code must know of each to plan by it, tell of it and show it.

Its points stand in axes.toml. A new axis is an entry here, a table there, a field of `Cell` (with
the point that results from before it are of) and, where a run chooses among its points, one of
`RunOptions`; its name is in gate.schema.json, too. Whatever acts on its points asks the cell.

Of the axes that no cell's id names, results know the runtime alone (`Record.place`): another such
one would need a place there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        name: what its table in axes.toml, its field of a cell, conditions, options and results
            call it.
        title: what sentences call it.
        legend: what the page's filter is headed.
        column: what its column in the page's list is headed.
        column_in_full: the same where that is short for something.
        prefix: what comes before its point in a cell's id; None where ids don't name it.
        of_releases: whether its points are releases, which are compared as versions (PEP 440) and
            told as ranges.
        every_point: whether a run has all its points unless told otherwise, and not a usual few.
        choosing: what an option of a run chooses, after "Run"; None where there is none.
        searching: what an option of a search for a change says of the cell; None where there is
            none.
    """

    name: str
    title: str
    legend: str
    column: str
    column_in_full: str | None = None
    prefix: str | None = ""
    of_releases: bool = False
    every_point: bool = False
    choosing: str | None = None
    searching: str | None = None

    def in_words(self, points: str) -> str:
        """Name points where nothing else is of their kind: words need no title."""
        return f"{self.title} {points}" if self.of_releases else points


# In the order in which a cell's id and results have them.
AXES = (
    Axis(
        "kserve",
        title="KServe",
        legend="KServe release",
        column="KServe",
        prefix="kserve",
        of_releases=True,
        choosing="this release of the KServe SDK (or newest)",
        searching="The SDK, with --axis torchserve (the newest).",
    ),
    Axis(
        "protocol",
        title="PROTOCOL_VERSION",
        legend="PROTOCOL_VERSION",
        column="Protocol",
        column_in_full="PROTOCOL_VERSION",
        every_point=True,
        choosing="this PROTOCOL_VERSION, by its name in axes.toml (unset, v1, ...)",
        searching="By its name in axes.toml (unset).",
    ),
    Axis(
        "envelope",
        title="envelope",
        legend="Envelope",
        column="Envelope",
        every_point=True,
        searching="TorchServe's envelope (kserve).",
    ),
    Axis(
        "torchserve",
        title="TorchServe",
        legend="TorchServe release",
        column="TorchServe",
        prefix="torchserve",
        of_releases=True,
        choosing="this TorchServe release (or all of them: all)",
        searching="The TorchServe release, with --axis kserve.",
    ),
    # Ids are the same for both, so that their runs compare.
    Axis(
        "runtime",
        title="runtime",
        legend="TorchServe runs as",
        column="Runs as",
        prefix=None,
    ),
)
BY_NAME = {axis.name: axis for axis in AXES}
NAMES = tuple(BY_NAME)
RELEASE_AXES = tuple(axis.name for axis in AXES if axis.of_releases)
CHOSEN = tuple(axis for axis in AXES if axis.choosing is not None)

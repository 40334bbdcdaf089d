"""A plan as a file: what all machines of a run read, whoever starts them.

`python -m matrix plan --format json` writes it. Its members are those of plan.schema.json, and all
other forms of a plan are made of it, so that they share the numbers, the order and the folders of
its shards.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kserve_conformance import datafile
from kserve_conformance.results.json_form import from_json

from matrix.planning import coverage, ranges, shards
from matrix.planning.axis_table import AXES
from matrix.planning.cells import Cell
from matrix.planning.coverage import Share
from matrix.planning.plan import PlanError
from matrix.planning.shards import Shard

_SCHEMA = Path(__file__).with_name("plan.schema.json")
_VERSION = 1


@dataclass(frozen=True)
class CacheKeys:
    """Names for what the machine of a shard can keep for the next run.

    Attributes:
        environments: of the environments of its KServe releases.
        torchserve: of what TorchServe runs from.
    """

    environments: str
    torchserve: str


@dataclass(frozen=True)
class Needs:
    """What the machine of a shard has to be told and given.

    Attributes:
        arguments: those of ``python -m matrix run``.
        images: the images that TorchServe runs from; none where it is a process.
    """

    arguments: Sequence[str]
    cache: CacheKeys
    images: Sequence[str]


@dataclass(frozen=True)
class PlannedShard:
    """One part of a plan, for a machine of its own. Members are those of plan.schema.json.

    Attributes:
        shard: which one it is, from 1.
        name: what people are told of it.
        folder: the name of its results' folder, fit for a pattern that takes those to join.
        seconds: how long it is expected to take.
        kserve: the KServe releases in it.
        cells: the ids of its cells, in the order in which they are run.
    """

    shard: int
    name: str
    runtime: str
    folder: str
    seconds: float
    kserve: Sequence[str]
    arguments: Sequence[str]
    cache: CacheKeys
    images: Sequence[str]
    cells: Sequence[str]


@dataclass(frozen=True)
class PlanFile:
    """A plan that was made. Members are those of plan.schema.json.

    Attributes:
        about: in a sentence, what it covers of which cells.
        cells: how many it has, of so many that there are around them (``of_cells``).
        imbalance: by which share the longest shard is above the mean of all.
        merge: the commands that join the results.
    """

    schema: int
    profile: str
    about: str
    cells: int
    of_cells: int
    pairs: Share
    triples: Share
    imbalance: float
    merge: Sequence[str]
    shards: Sequence[PlannedShard]

    def numbered(self, number: int) -> PlannedShard:
        """Give the shard of a number, from 1.

        Raises:
            PlanError: when there is none.
        """
        for each in self.shards:
            if each.shard == number:
                return each
        raise PlanError(f"there is no shard {number}: the plan has {len(self.shards)}, from 1 on")

    def of_runtime(self, runtime: str | None) -> list[PlannedShard]:
        """List the shards whose results are joined: those of one runtime."""
        return [each for each in self.shards if each.runtime == runtime]


def compose(
    profile: str,
    cells: Sequence[Cell],
    whole: Sequence[Cell],
    parts: Sequence[tuple[Shard, Needs]],
) -> PlanFile:
    """Make the file of a plan.

    Args:
        whole: all cells that there are around those of the plan.
    """
    runtimes = Counter(shard.runtime for shard, _ in parts)
    releases = _distinct(cell.kserve for cell in whole)
    return PlanFile(
        schema=_VERSION,
        profile=profile,
        about=f"{coverage.sentence(cells, whole)} ({_surroundings(profile, whole)})",
        cells=len(cells),
        of_cells=len(whole),
        **{name: coverage.share(cells, whole, each) for name, each in coverage.STRENGTHS.items()},
        imbalance=round(shards.imbalance([shard for shard, _ in parts]), 4),
        merge=_merges(runtimes),
        shards=[
            PlannedShard(
                shard=shard.number,
                name=f"{shard.number} of {len(parts)}"
                + (f" ({shard.runtime})" if len(runtimes) > 1 else "")
                + f": KServe {ranges.in_words(shard.releases, releases)}",
                runtime=shard.runtime,
                folder=f"shard-{shard.runtime}-{shard.number}"
                if len(runtimes) > 1
                else f"shard-{shard.number}",
                seconds=shard.seconds,
                kserve=shard.releases,
                arguments=needs.arguments,
                cache=needs.cache,
                images=needs.images,
                cells=[cell.id for cell in shard.cells],
            )
            for shard, needs in parts
        ],
    )


def read(path: Path) -> PlanFile:
    """Read a plan that was written by `as_json`.

    Raises:
        DataFileError: when it can't be read, or isn't a plan.
    """
    return from_json(PlanFile, datafile.read(path, _SCHEMA))


def as_json(planned: PlanFile) -> str:
    """Give all that is known of a plan, for `read` and for other programs."""
    return json.dumps(asdict(planned), indent=1) + "\n"


def _merges(runtimes: Counter[str]) -> list[str]:
    if len(runtimes) == 1:
        return [_merge("shard-*", runtimes.total(), "results")]
    return [_merge(f"shard-{each}-*", runtimes[each], f"results/{each}") for each in runtimes]


def _merge(pattern: str, parts: int, out: str) -> str:
    return f"python -m matrix merge results/{pattern} --parts {parts} --out {out}"


def _surroundings(profile: str, whole: Sequence[Cell]) -> str:
    given = (
        axis.in_words(", ".join(_distinct(getattr(cell, axis.name) for cell in whole)))
        for axis in AXES
        if axis.name != "kserve" and not axis.every_point
    )
    return ", ".join([f"profile {profile}", *given])


def _distinct(points: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(points))

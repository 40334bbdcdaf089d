"""Results of the shards of a plan: which counts for each, and which shards have none.

A shard may have been begun more than once: its machine was lost, or the harness failed on it. One
attempt counts, whole; what the others found is held against it, so that no verdict is tried away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kserve_conformance.results import merging
from kserve_conformance.results.merging import MergeError
from kserve_conformance.results.results_file import Given

from matrix.planning.counted import many
from matrix.planning.plan_file import PlanFile, PlannedShard


@dataclass(frozen=True)
class Sorted:
    """Results, by the shards of a plan.

    Attributes:
        parts: those that count, one for each shard that has any, in the plan's order.
        planned: how many parts there are to be.
        told: sentences on the shards that were begun more than once, and on those that are absent.
    """

    parts: Sequence[Given]
    planned: int
    told: Sequence[str]


def sort(planned: PlanFile, given: Sequence[Given]) -> Sorted:
    """Find out which results are of which shard, and which of several count.

    One that came to its end goes before one that didn't; of several the one counts that lacks least
    by the harness's fault, and of those the latest.

    Raises:
        MergeError: when some are of no shard of the plan, or of shards of another runtime.
        Disagreement: when two attempts at a shard came to different verdicts on the subject.
    """
    runtime = given[0].run.header.runtime
    shards = planned.of_runtime(runtime)
    attempts: defaultdict[int, list[Given]] = defaultdict(list)
    for each in given:
        attempts[_shard_of(each, shards).shard].append(each)
    told: list[str] = []
    for shard in shards:
        attempts[shard.shard].sort(key=_rank, reverse=True)
        told += _told(shard, attempts[shard.shard])
    parts = [attempts[shard.shard][0] for shard in shards if attempts[shard.shard]]
    return Sorted(parts, len(shards), told)


def _shard_of(given: Given, shards: Sequence[PlannedShard]) -> PlannedShard:
    cells = set(given.run.header.planned)
    for shard in shards:
        if cells == set(shard.cells):
            return shard
    raise MergeError(
        f"{given.path} is of no shard of the plan: it has {many(len(cells), 'cell')} on "
        f"{given.run.header.runtime}, and no shard has just these; leave it out, or name its plan"
    )


def _rank(given: Given) -> tuple[bool, int, str]:
    return not given.run.cut_short, len(_settled(given).run.records), given.run.header.started


def _settled(given: Given) -> Given:
    """Give an attempt without the records that say nothing of the subject."""
    records = [each for each in given.run.records if each.verdict.is_about_subject]
    return replace(given, run=replace(given.run, records=records))


def _told(shard: PlannedShard, attempts: Sequence[Given]) -> Iterator[str]:
    if not attempts:
        yield f"shard {shard.name} is absent, with {many(len(shard.cells), 'cell')}"
        return
    counts, *others = attempts
    # What it gives is not needed: it raises where two of them disagree.
    merging.merge([_settled(each) for each in attempts])
    for other in others:
        yield (
            f"shard {shard.name} was run more than once: {counts.path} counts, and not "
            f"{other.path}, {other.run.sentence()}"
        )

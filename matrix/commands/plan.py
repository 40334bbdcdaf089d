"""``python -m matrix plan``: which cells a run has, shared out over machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kserve_conformance.errors import ExitCode

from fixtures import torchserve
from matrix.commands import given_results
from matrix.commands.output import put
from matrix.environments import cache_keys
from matrix.planning import (
    axes,
    coverage,
    expectations,
    kubernetes,
    options,
    plan,
    plan_file,
    plan_formats,
    shards,
    timings,
)
from matrix.planning.axis_table import CHOSEN
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.planning.kubernetes import Cluster
from matrix.planning.options import RunOptions
from matrix.planning.plan import PlanError
from matrix.planning.plan_file import CacheKeys, Needs, PlanFile
from matrix.planning.shards import Shard
from matrix.running import starting

_FORMATS: Mapping[str, Callable[[PlanFile], str]] = {
    "text": plan_formats.text,
    "github": plan_formats.github,
    "gitlab": plan_formats.gitlab,
    "json": plan_file.as_json,
}
_KUBERNETES = "kubernetes"
_OF_CLUSTER = ("harness_image", "name", "claim")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``plan``."""
    parser = subparsers.add_parser(
        "plan",
        help="Share a run out over machines, or say what a smaller run covers.",
        description="Says which cells a run has, what share of the pairs and triples of axis "
        "points they cover, and how to share them out over machines that take about equally "
        "long. It takes the options of `run`; the same options give the same plan everywhere.",
        epilog="Exit codes: 0 planned; 2 wrong usage, such as more shards than cells; 3 a lock is "
        "missing or out of date.",
    )
    parser.add_argument(
        "--format",
        choices=(*_FORMATS, _KUBERNETES),
        default="text",
        help="text: for people; github: one line for a job's strategy.matrix; gitlab: a child "
        "pipeline; kubernetes: the manifests of its Jobs; json: all of it, a file that `plan`, "
        "`run` and `merge` take by --plan (default: text). docs/ci.md shows their use.",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="Give another form of this plan, which --format json wrote, instead of making one.",
    )
    parser.add_argument(
        "--shards",
        type=options.positive,
        metavar="N",
        help="How many machines to share it out over (default: 1, or one for each runtime).",
    )
    parser.add_argument(
        "--timings",
        action="append",
        type=Path,
        default=[],
        metavar="RESULTS",
        help="Earlier results to take the time of each cell from; may be given more than once.",
    )
    parser.add_argument(
        "--both-runtimes",
        action="store_true",
        help="Plan for TorchServe in containers and for TorchServe as a process; --coverage then "
        "counts the runtime as an axis, too.",
    )
    parser.add_argument(
        "--jobs",
        type=options.positive,
        metavar="N",
        help="How many cells run side by side on each machine (default: "
        f"{shards.SIDE_BY_SIDE} for each of its processors, reckoned to be two).",
    )
    cluster = parser.add_argument_group("with --format kubernetes")
    cluster.add_argument(
        "--harness-image",
        metavar="IMAGE",
        help="The image that deploy/harness/Dockerfile made, as the cluster pulls it.",
    )
    cluster.add_argument(
        "--name",
        help="What the Jobs and all else are named after (default: matrix).",
    )
    cluster.add_argument(
        "--claim",
        metavar="NAME",
        help="An existing volume claim for the results (default: one named NAME-results is made, "
        "which several nodes can write to).",
    )
    options.add(parser.add_argument)
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    if arguments.format != _KUBERNETES and (of_cluster := _given_names(arguments, _OF_CLUSTER)):
        raise PlanError(f"{', '.join(of_cluster)}: only with --format {_KUBERNETES}")
    to_text = _FORMATS.get(arguments.format) or _for_cluster(arguments)
    planned = _given(arguments) if arguments.plan else _planned(arguments)
    put(to_text(planned))
    if arguments.format not in ("text", "json"):
        # Their output goes to a file; a person reads this in the job's log.
        sys.stderr.write(plan_formats.text(planned))
    return ExitCode.AS_EXPECTED


def _for_cluster(arguments: argparse.Namespace) -> Callable[[PlanFile], str]:
    if not arguments.harness_image:
        raise PlanError(
            "--format kubernetes: name the harness's image with --harness-image; "
            "deploy/harness/Dockerfile builds it"
        )
    cluster = Cluster(arguments.harness_image, arguments.name or "matrix", arguments.claim)
    return lambda planned: kubernetes.manifests(planned, cluster)


def _given(arguments: argparse.Namespace) -> PlanFile:
    made_of = [
        *RunOptions.of(arguments).given_names(),
        *_given_names(arguments, ("shards", "timings", "both_runtimes", "jobs")),
    ]
    if made_of:
        raise PlanError(f"--plan {arguments.plan} is made already: leave out {', '.join(made_of)}")
    return plan_file.read(arguments.plan)


def _given_names(arguments: argparse.Namespace, names: Sequence[str]) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name)]


def _planned(arguments: argparse.Namespace) -> PlanFile:
    wanted = RunOptions.of(arguments)
    if wanted.subject_image is not None:
        raise PlanError(
            f"--subject-image {wanted.subject_image}: an image has the cells of one release, which "
            "need no plan: run them with `python -m matrix run`"
        )
    if arguments.format == _KUBERNETES and wanted.runtime == "auto" and not arguments.both_runtimes:
        # What works in a pod, which has no container engine.
        wanted = replace(wanted, runtime="process")
    variants = _variants(wanted, arguments.both_runtimes)
    known, expected = axes.load(), expectations.load()
    cells = _cells(variants, plan.coverage_of(known, wanted))
    earlier = [given_results.of_matrix(path).run for path in arguments.timings]
    took = timings.learn(earlier, expected)
    count, jobs = arguments.shards or len(variants), arguments.jobs
    # There is one only, of any runtime, unless the plan is for both.
    by_runtime = {str(each.runtime): each for each in variants}
    parts = shards.split(cells, took, count, repeat=wanted.repeat, jobs=jobs or shards.JOBS)
    return plan_file.compose(
        wanted.profile,
        cells,
        plan.around(known, expected, wanted.profile, cells),
        [
            (part, _needs(known, expected, part, by_runtime.get(part.runtime, wanted), cells, jobs))
            for part in parts
        ],
    )


def _cells(variants: Sequence[RunOptions], wanted: coverage.Coverage) -> list[Cell]:
    if len(variants) == 1:
        return list(starting.make_plan(variants[0]).cells)
    # A covering array of several runtimes is made of the cells of all of them together.
    full = [starting.make_plan(replace(each, coverage="full")) for each in variants]
    return coverage.reduced([cell for each in full for cell in each.cells], wanted)


def _variants(wanted: RunOptions, both: bool) -> list[RunOptions]:
    if not both:
        return [wanted]
    if wanted.runtime != "auto":
        raise PlanError(
            f"--runtime {wanted.runtime} and --both-runtimes contradict each other: leave one out"
        )
    return [replace(wanted, runtime="container"), replace(wanted, runtime="process")]


def _needs(
    known: axes.Axes,
    expected: Expectations,
    shard: Shard,
    wanted: RunOptions,
    every: Sequence[Cell],
    jobs: int | None,
) -> Needs:
    of_releases = known.named(wanted.profile).is_of_releases and expected.is_whole(wanted.profile)
    # A release that is named needs no profile.
    profile = options.DEFAULT_PROFILE if of_releases else wanted.profile
    by_axes = plan.coverage_of(known, wanted) == "full" and not wanted.cell
    given = _options(wanted, shard.cells, every, profile, by_axes).given_arguments()
    if jobs is not None:
        given += ["--jobs", str(jobs)]
    torchserves = list(dict.fromkeys(cell.torchserve for cell in shard.cells))
    runtime: torchserve.Runtime = "process" if shard.runtime == "process" else "container"
    return Needs(
        given,
        CacheKeys(
            cache_keys.environments(known, shard.releases, wanted.subject().requirements),
            cache_keys.of_torchserve(runtime, torchserves),
        ),
        cache_keys.images(runtime, torchserves),
    )


def _options(
    wanted: RunOptions, cells: Sequence[Cell], every: Sequence[Cell], profile: str, by_axes: bool
) -> RunOptions:
    """Give the shortest options of a run that has these cells of all that are planned.

    Args:
        profile: what is run of a release or cell that is named.
        by_axes: whether all cells of the points that are chosen are run: of cells that are named
            each must be there, and those of fewer releases are reduced to others.
    """
    if list(cells) == list(every):
        return wanted
    releases = tuple(dict.fromkeys(cell.kserve for cell in cells))
    of_them = [
        cell for cell in every if cell.kserve in releases and cell.runtime == cells[0].runtime
    ]
    if by_axes and list(cells) == of_them:
        return replace(wanted, profile=profile, kserve=releases)
    none_chosen: dict[str, Any] = {axis.name: () for axis in CHOSEN}
    return replace(
        wanted,
        **none_chosen,
        profile=profile,
        coverage=None,
        cell=tuple(cell.id for cell in cells),
    )

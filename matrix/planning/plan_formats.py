"""A plan as people read it, and as continuous integration does."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from matrix.planning import coverage, ranges, shards
from matrix.planning.axis_table import AXES
from matrix.planning.cells import Cell
from matrix.planning.counted import many
from matrix.planning.plan import PlanError
from matrix.planning.shards import Shard

# A job's strategy.matrix has no more jobs.
_MOST_OF_GITHUB = 256

# Where a GitLab runner keeps what it caches: below the project's folder, it can't elsewhere.
_CACHE = ".cache"
_IMAGES = f"{_CACHE}/images.tar"


@dataclass(frozen=True)
class Task:
    """A shard with what its machine has to know.

    Attributes:
        arguments: those of ``python -m matrix run``.
        environments: a cache key for the environments of its KServe releases.
        torchserve: a cache key for what TorchServe runs from.
        images: the images that TorchServe runs from; none where it is a process.
    """

    shard: Shard
    arguments: Sequence[str]
    environments: str
    torchserve: str
    images: Sequence[str]

    @property
    def command(self) -> str:
        """Give its arguments as a shell reads them."""
        return shlex.join(self.arguments)


@dataclass(frozen=True)
class Planned:
    """A plan that was made.

    Attributes:
        whole: all cells that there are around them.
        both_runtimes: whether the shards are of two runtimes, whose results are not joined.
    """

    profile: str
    cells: Sequence[Cell]
    whole: Sequence[Cell]
    tasks: Sequence[Task]
    both_runtimes: bool

    def folder(self, task: Task) -> str:
        """Name the folder of a shard's results, fit for a pattern that takes those to join."""
        runtime = f"{task.shard.runtime}-" if self.both_runtimes else ""
        return f"shard-{runtime}{task.shard.number}"

    def merges(self) -> list[str]:
        """Give the commands that join the results."""
        if not self.both_runtimes:
            return [_merge("shard-*", len(self.tasks), "results")]
        parts = Counter(task.shard.runtime for task in self.tasks)
        return [_merge(f"shard-{each}-*", parts[each], f"results/{each}") for each in parts]


def text(planned: Planned) -> str:
    """Tell a plan to a person: what it covers, its shards, and the commands to run."""
    lines = [f"{coverage.sentence(planned.cells, planned.whole)} ({_surroundings(planned)})"]
    for task in planned.tasks:
        size = f"{many(len(task.shard.cells), 'cell')}, about {task.shard.seconds:.0f} s"
        lines += [
            f"shard {_name(planned, task)}: {size}: KServe {_releases(planned, task)}",
            f"    python -m matrix run {_run_arguments(planned, task)}",
        ]
    if len(planned.tasks) > 1:
        above = shards.imbalance([task.shard for task in planned.tasks])
        lines.append(f"the longest shard takes {above:.0%} more than the mean")
        lines += [f"    {command}" for command in planned.merges()]
    return "\n".join(lines) + "\n"


def github(planned: Planned) -> str:
    """Give one line of JSON for ``strategy.matrix``, by ``fromJSON``.

    Raises:
        PlanError: when there are more shards than a workflow's job can fan out to.
    """
    if len(planned.tasks) > _MOST_OF_GITHUB:
        raise PlanError(
            f"{len(planned.tasks)} shards: a GitHub job fans out to {_MOST_OF_GITHUB} at most"
        )
    include = [
        {
            "shard": str(task.shard.number),
            "name": f"{_name(planned, task)}: KServe {_releases(planned, task)}",
            "folder": planned.folder(task),
            "runtime": task.shard.runtime,
            "arguments": task.command,
            "environments": task.environments,
            "torchserve": task.torchserve,
            "images": " ".join(task.images),
        }
        for task in planned.tasks
    ]
    return json.dumps({"include": include}) + "\n"


def gitlab(planned: Planned) -> str:
    """Give a child pipeline: a job for each shard in the stage ``matrix``.

    What else it needs (an image, what to install, the job that decides) is that of
    docs/ci/gitlab-child.yml, to be put before it: no key of the top level is in both.
    """
    pipeline: dict[str, Any] = {
        "stages": ["matrix", "decide", "publish"],
        "variables": {
            "HARNESS_CACHE_DIR": f"$CI_PROJECT_DIR/{_CACHE}/harness",
            "UV_PYTHON_INSTALL_DIR": f"$CI_PROJECT_DIR/{_CACHE}/pythons",
            "MATRIX_SHARDS": str(len(planned.tasks)),
        },
    }
    pipeline |= {planned.folder(task): _job(planned, task) for task in planned.tasks}
    return yaml.safe_dump(pipeline, sort_keys=False, width=100_000)


def as_json(planned: Planned) -> str:
    """Give all that is known of a plan, for other programs."""
    covered = {
        name: asdict(coverage.share(planned.cells, planned.whole, strength))
        for name, strength in coverage.STRENGTHS.items()
    }
    document = {
        "profile": planned.profile,
        "cells": len(planned.cells),
        "of_cells": len(planned.whole),
        **covered,
        "imbalance": round(shards.imbalance([task.shard for task in planned.tasks]), 4),
        "merge": planned.merges(),
        "shards": [
            {
                "shard": task.shard.number,
                "runtime": task.shard.runtime,
                "folder": planned.folder(task),
                "seconds": task.shard.seconds,
                "kserve": task.shard.releases,
                "arguments": list(task.arguments),
                "cache": {"environments": task.environments, "torchserve": task.torchserve},
                "images": list(task.images),
                "cells": [cell.id for cell in task.shard.cells],
            }
            for task in planned.tasks
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _job(planned: Planned, task: Task) -> dict[str, Any]:
    folder = f"results/{planned.folder(task)}"
    kept = _IMAGES if task.images else f"{_CACHE}/harness/torchserve"
    job: dict[str, Any] = {
        "stage": "matrix",
        "cache": [
            {
                "key": task.environments,
                "paths": [f"{_CACHE}/harness/environments", f"{_CACHE}/pythons"],
            },
            {"key": task.torchserve, "paths": [kept]},
        ],
        "script": [f"python -m matrix run {_run_arguments(planned, task)}"],
        "artifacts": {"when": "always", "paths": [folder]},
        # The gate decides about verdicts; a machine that failed is given another chance.
        "allow_failure": {"exit_codes": [1]},
        "retry": {"max": 1, "exit_codes": [3]},
    }
    if task.images:
        names = shlex.join(task.images)
        job["script"].insert(0, f"test ! -f {_IMAGES} || docker load --input {_IMAGES}")
        job["after_script"] = [f"mkdir -p {_CACHE} && docker save --output {_IMAGES} {names}"]
    return job


def _run_arguments(planned: Planned, task: Task) -> str:
    return f"{task.command} --out results/{planned.folder(task)}".strip()


def _merge(pattern: str, parts: int, out: str) -> str:
    return f"python -m matrix merge results/{pattern} --parts {parts} --out {out}"


def _name(planned: Planned, task: Task) -> str:
    runtime = f" ({task.shard.runtime})" if planned.both_runtimes else ""
    return f"{task.shard.number} of {len(planned.tasks)}{runtime}"


def _releases(planned: Planned, task: Task) -> str:
    return ranges.in_words(task.shard.releases, _distinct(cell.kserve for cell in planned.whole))


def _surroundings(planned: Planned) -> str:
    given = (
        axis.in_words(", ".join(_distinct(getattr(cell, axis.name) for cell in planned.whole)))
        for axis in AXES
        if axis.name != "kserve" and not axis.every_point
    )
    return ", ".join([f"profile {planned.profile}", *given])


def _distinct(points: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(points))

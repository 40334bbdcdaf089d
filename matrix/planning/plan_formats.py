"""A plan as people read it, and as GitHub and GitLab do; `kubernetes` has its third reader."""

from __future__ import annotations

import json
import shlex
from typing import Any

import yaml

from matrix.planning.counted import many
from matrix.planning.plan import PlanError
from matrix.planning.plan_file import PlanFile, PlannedShard

# A job's strategy.matrix has no more jobs.
_MOST_OF_GITHUB = 256

# Where a GitLab runner keeps what it caches: below the project's folder, it can't elsewhere.
_CACHE = ".cache"
_IMAGES = f"{_CACHE}/images.tar"


def text(planned: PlanFile) -> str:
    """Tell a plan to a person: what it covers, its shards, and the commands to run."""
    lines = [planned.about]
    for shard in planned.shards:
        size = f"{many(len(shard.cells), 'cell')}, about {shard.seconds:.0f} s"
        lines += [
            f"shard {shard.name}: {size}",
            f"    python -m matrix run {_run_arguments(shard)}",
        ]
    if len(planned.shards) > 1:
        lines.append(f"the longest shard takes {planned.imbalance:.0%} more than the mean")
        lines += [f"    {command}" for command in planned.merge]
    return "\n".join(lines) + "\n"


def github(planned: PlanFile) -> str:
    """Give one line of JSON for ``strategy.matrix``, by ``fromJSON``.

    Raises:
        PlanError: when there are more shards than a workflow's job can fan out to.
    """
    if len(planned.shards) > _MOST_OF_GITHUB:
        raise PlanError(
            f"{len(planned.shards)} shards: a GitHub job fans out to {_MOST_OF_GITHUB} at most"
        )
    include = [
        {
            "shard": str(shard.shard),
            "name": shard.name,
            "folder": shard.folder,
            "runtime": shard.runtime,
            "arguments": shlex.join(shard.arguments),
            "environments": shard.cache.environments,
            "torchserve": shard.cache.torchserve,
            "images": " ".join(shard.images),
        }
        for shard in planned.shards
    ]
    return json.dumps({"include": include}) + "\n"


def gitlab(planned: PlanFile) -> str:
    """Give a child pipeline: a job for each shard in the stage ``matrix``.

    What else it needs (an image, what to install, the job that decides) is that of
    docs/ci/gitlab-child.yml, to be put before it: no key of the top level is in both.
    """
    pipeline: dict[str, Any] = {
        "stages": ["matrix", "decide", "publish"],
        "variables": {
            "HARNESS_CACHE_DIR": f"$CI_PROJECT_DIR/{_CACHE}/harness",
            "UV_PYTHON_INSTALL_DIR": f"$CI_PROJECT_DIR/{_CACHE}/pythons",
            "MATRIX_SHARDS": str(len(planned.shards)),
        },
    }
    pipeline |= {shard.folder: _job(shard) for shard in planned.shards}
    return yaml.safe_dump(pipeline, sort_keys=False, width=100_000)


def _job(shard: PlannedShard) -> dict[str, Any]:
    kept = _IMAGES if shard.images else f"{_CACHE}/harness/torchserve"
    job: dict[str, Any] = {
        "stage": "matrix",
        "cache": [
            {
                "key": shard.cache.environments,
                "paths": [f"{_CACHE}/harness/environments", f"{_CACHE}/pythons"],
            },
            {"key": shard.cache.torchserve, "paths": [kept]},
        ],
        "script": [f"python -m matrix run {_run_arguments(shard)}"],
        "artifacts": {"when": "always", "paths": [f"results/{shard.folder}"]},
        # The gate decides about verdicts; a machine that failed is given another chance.
        "allow_failure": {"exit_codes": [1]},
        "retry": {"max": 1, "exit_codes": [3]},
    }
    if shard.images:
        names = shlex.join(shard.images)
        job["script"].insert(0, f"test ! -f {_IMAGES} || docker load --input {_IMAGES}")
        job["after_script"] = [f"mkdir -p {_CACHE} && docker save --output {_IMAGES} {names}"]
    return job


def _run_arguments(shard: PlannedShard) -> str:
    return f"{shlex.join(shard.arguments)} --out results/{shard.folder}".strip()

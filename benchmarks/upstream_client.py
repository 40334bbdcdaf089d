"""Compares clients for the wrapper's own calls to TorchServe, inside the wrapper.

``python -m benchmarks.upstream_client`` writes benchmarks/results/upstream_client.json and
prints a table. Ratios are to TorchServe's own rate, measured just before and after.
"""

from __future__ import annotations

import datetime
import json
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import load, running
from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Instance, configuration
from matrix.planning.subject import Subject

RELEASES = ("0.10.2", "0.13.1", "0.21.0")
SUBJECTS = (
    Subject("own"),
    Subject(
        "aiohttp",
        "{python} {repository}/benchmarks/clients/aiohttp_client.py",
        requirements=("aiohttp>=3.8",),
    ),
    Subject("httpx", "{python} {repository}/benchmarks/clients/httpx_client.py"),
)
CONNECTIONS = (1, 16)
SECONDS = 3
ROUNDS = 3
BODY = b'{"instances":[[1,2,3,4,5,6,7]]}'
PATH = "/v1/models/contract:predict"
_RESULTS = Path(__file__).parent / "results" / "upstream_client.json"


def main() -> None:
    """Measure, write the file, print the table."""
    archives = [models.archive_with_torch("contract")]
    with torchserves.start(
        "process",
        release="0.12.0",
        envelope="kserve",
        models=archives,
        config=configuration.OWN_JVM,
    ) as torchserve:
        rows = [
            row
            for release in RELEASES
            for subject in SUBJECTS
            for row in _compare(release, subject, torchserve.instance)
        ]
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    told = {"date": date, "machine": platform.platform(), "body_bytes": len(BODY)}
    _RESULTS.write_text(json.dumps({**told, "rows": rows}, indent=1) + "\n")
    for row in rows:
        sys.stdout.write(
            f"{row['kserve']:8} {row['client']:8} c={row['connections']:<3} "
            f"{row['requests_per_second']:7.0f} req/s  {row['ratio']:.2f} of TorchServe's own  "
            f"p99 {row['p99_ratio']:.1f} times TorchServe's\n"
        )


def _compare(release: str, subject: Subject, instance: Instance) -> list[dict[str, Any]]:
    direct = f"http://{instance.endpoints.host}:{instance.endpoints.inference}{PATH}"
    with running.running(subject, release, instance) as url:
        rows = []
        for connections in CONNECTIONS:
            rounds = [_round(direct, url + PATH, connections) for _ in range(ROUNDS)]
            medians = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
            named = {"kserve": release, "client": subject.name, "connections": connections}
            rows.append({**named, **medians})
        return rows


def _round(direct: str, wrapped: str, connections: int) -> dict[str, float]:
    own = load.put(direct, BODY, connections, SECONDS)
    ours = load.put(wrapped, BODY, connections, SECONDS)
    return {
        "requests_per_second": ours.requests_per_second,
        "torchserve_requests_per_second": own.requests_per_second,
        "ratio": ours.requests_per_second / own.requests_per_second,
        "p50_ms": ours.p50 * 1e3,
        "p99_ratio": ours.p99 / own.p99,
    }


if __name__ == "__main__":
    main()

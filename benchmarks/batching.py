"""What TorchServe's batches bring with the faithful envelope: ``python -m benchmarks.batching``.

The model ``digits`` in three sizes of batch, asked in one run through the wrapper and directly, as
ratios to no batches. Needs wrk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import command_line, load, outcome, running
from benchmarks.load import Measured
from fixtures import models, payloads
from fixtures import torchserve as torchserves
from fixtures.torchserve import batches, configuration
from matrix.planning import axes
from matrix.planning.subject import Subject

RESULTS = Path(__file__).parent / "results" / "batching.json"
TORCHSERVE = "0.12.0"
SIZES = (1, 4, 8)
CONNECTIONS = (16, 64)
SUBJECTS = ("wrapper", "TorchServe")
# Milliseconds that a request waits for others to fill its batch.
DELAY = 5
_HEADINGS = (
    "",
    "at once",
    *(f"requests/s, `batchSize` {size}" for size in SIZES),
    *(f"p99, `batchSize` {size}" for size in SIZES),
)
_WARM_SECONDS = 4
_START_SECONDS = 300


def main() -> int:
    """Measure, write the results, print the table."""
    parser = command_line.parser("batching", __doc__, RESULTS, seconds=3)
    parser.add_argument("--kserve", metavar="RELEASE", default=axes.load().profile("all")[-1])
    asked = parser.parse_args()
    return command_line.run(
        asked, TORCHSERVE, lambda: _measure(asked.kserve, asked.seconds, asked.rounds), table
    )


def table(told: Mapping[str, Any]) -> str:
    """Write results as Markdown: rates as times that of no batches."""
    lines = [f"| {' | '.join(_HEADINGS)} |\n", "|---" * len(_HEADINGS) + "|\n"]
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in told["rows"]:
        found.setdefault((row["subject"], row["connections"]), []).append(row)
    for (subject, connections), rows in found.items():
        rates = " | ".join(f"{row['requests_per_second']:.0f} ({row['ratio']:.1f})" for row in rows)
        tails = " | ".join(f"{row['p99_ms']:.0f} ms" for row in rows)
        lines.append(f"| {subject} | {connections} | {rates} | {tails} |\n")
    return "".join(lines)


def _measure(release: str, seconds: int, rounds: int) -> list[dict[str, Any]]:
    with torchserves.start(
        "process",
        release=TORCHSERVE,
        envelope="kserve_faithful",
        models=[models.archive("digits")],
        config={"enable_model_api": "true", **configuration.OWN_JVM},
        timeout=_START_SECONDS,
    ) as torchserve:
        sizes = {_name(size): ("digits", size) for size in SIZES}
        instance = batches.register(torchserve.instance, sizes, DELAY)
        subject = Subject("wrapper", "{python} -m wrapper")
        sources = dict.fromkeys(sizes, "digits")
        with running.running(subject, release, instance, sources) as url:
            endpoints = instance.endpoints
            direct = f"http://{endpoints.host}:{endpoints.inference}"
            bases = {"wrapper": url, "TorchServe": direct}
            for size in SIZES:
                load.put(_url(direct, size), _body(), CONNECTIONS[0], _WARM_SECONDS)
            return [
                row
                for name in SUBJECTS
                for connections in CONNECTIONS
                for row in _compare(name, bases[name], connections, seconds, rounds)
            ]


def _compare(
    subject: str, base: str, connections: int, seconds: int, rounds: int
) -> Iterator[dict[str, Any]]:
    measured = []
    for _ in range(rounds):
        # Side by side in time, so that what else the machine does is in all of them.
        measured.append(
            [load.put(_url(base, size), _body(), connections, seconds) for size in SIZES]
        )
    sys.stderr.write(f"{subject}, {connections} at once: done\n")
    for place, size in enumerate(SIZES):
        figures = outcome.medians([_figures(one[place], one[0]) for one in measured])
        yield {"subject": subject, "connections": connections, "batch_size": size, **figures}


def _figures(told: Measured, without: Measured) -> dict[str, float]:
    return {
        "requests_per_second": told.requests_per_second,
        "ratio": told.requests_per_second / without.requests_per_second,
        "p50_ms": told.p50 * 1e3,
        "p99_ms": told.p99 * 1e3,
    }


def _name(size: int) -> str:
    return f"digits-{size}"


def _url(base: str, size: int) -> str:
    return f"{base}/v1/models/{_name(size)}:predict"


def _body() -> bytes:
    """Give a request with one image."""
    images = payloads.load("digits-v1-tensor")["instances"]
    return json.dumps({"instances": images[:1]}).encode()


if __name__ == "__main__":
    sys.exit(main())

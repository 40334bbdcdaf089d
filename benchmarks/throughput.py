"""How much of TorchServe's own rate the wrapper keeps; ``tox run -e bench``.

In one run, as ratios: TorchServe asked directly, this wrapper, this wrapper with the SDK
answering (``--bare-sdk``), and the SDK's own server with a model that answers a constant.
Rates of different machines don't compare; ratios of one run do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import command_line, load, outcome, running
from benchmarks.load import Measured
from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Instance, configuration
from matrix.planning import axes
from matrix.planning.subject import Subject

RESULTS = Path(__file__).parent / "results" / "throughput.json"
TORCHSERVE = "0.12.0"
RELEASES = ("0.10.2", "0.13.1", "newest")
CONNECTIONS = (1, 16)
SUBJECTS = {
    "wrapper": "{python} -m wrapper",
    "wrapper --bare-sdk": "{python} -m wrapper --bare-sdk",
    "SDK with a constant": "{python} {repository}/benchmarks/servers/constant_model.py",
}
_HEADINGS = (
    "KServe SDK",
    "body",
    *(f"of TorchServe's own requests/s, {number} at once" for number in CONNECTIONS),
    *(f"p99, times TorchServe's, {number} at once" for number in CONNECTIONS),
)
_WARM_SECONDS = 4
_PATH = "/v1/models/echo:predict"


def bodies() -> dict[int, bytes]:
    """Give the V1 bodies by their sizes in bytes: 31 and 100,000."""
    numbers = "1.25," * 19996
    large = f'{{"instances":[{numbers}1.25]}}'
    made = (b'{"instances":[[1,2,3,4,5,6,7]]}', large.ljust(100_000).encode())
    return {len(body): body for body in made}


def main() -> int:
    """Measure, write the results, print the table."""
    parser = command_line.parser("throughput", __doc__, RESULTS, seconds=2)
    parser.add_argument("--kserve", action="append", metavar="RELEASE", help="default: three")
    asked = parser.parse_args()
    newest = axes.load().profile("all")[-1]
    releases = [newest if each == "newest" else each for each in asked.kserve or RELEASES]
    return command_line.run(
        asked, TORCHSERVE, lambda: _measure(releases, asked.seconds, asked.rounds), table
    )


def table(told: Mapping[str, Any]) -> str:
    """Write what a reader of the README asks of results, the wrapper's own rows, as Markdown."""
    lines = [f"| {' | '.join(_HEADINGS)} |\n", "|---" * len(_HEADINGS) + "|\n"]
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in told["rows"]:
        if row["subject"] == "wrapper":
            found.setdefault((row["kserve"], row["body_bytes"]), []).append(row)
    for (kserve, size), rows in found.items():
        rates = " | ".join(f"{row['ratio']:.2f}" for row in rows)
        tails = " | ".join(f"{row['p99_ratio']:.1f}" for row in rows)
        lines.append(f"| {kserve} | {_size(size)} | {rates} | {tails} |\n")
    return "".join(lines)


def _size(count: int) -> str:
    return f"{count // 1000} kB" if count >= 1000 else f"{count} B"


def _measure(releases: Sequence[str], seconds: int, rounds: int) -> list[dict[str, Any]]:
    archives = [models.archive_with_torch("echo")]
    with torchserves.start(
        "process",
        release=TORCHSERVE,
        envelope="kserve",
        models=archives,
        config=configuration.OWN_JVM,
    ) as torchserve:
        _warm(torchserve.instance)
        rows = [
            row
            for release in releases
            for row in _compare(release, torchserve.instance, seconds, rounds)
        ]
    order = list(SUBJECTS)
    return sorted(
        rows,
        key=lambda row: (
            releases.index(row["kserve"]),
            row["body_bytes"],
            row["connections"],
            order.index(row["subject"]),
        ),
    )


def _warm(instance: Instance) -> None:
    """Let Java compile what is measured."""
    endpoints = instance.endpoints
    for body in bodies().values():
        load.put(f"http://{endpoints.host}:{endpoints.inference}{_PATH}", body, 16, _WARM_SECONDS)


def _compare(
    release: str, instance: Instance, seconds: int, rounds: int
) -> Iterator[dict[str, Any]]:
    """Measure all subjects on one SDK.

    One at a time, since a pod has one: another would ask TorchServe for its readiness, too.
    """
    endpoints = instance.endpoints
    direct = f"http://{endpoints.host}:{endpoints.inference}{_PATH}"
    for name, command in SUBJECTS.items():
        with running.running(Subject(name, command), release, instance) as url:
            for size, body in bodies().items():
                for connections in CONNECTIONS:
                    measured = [
                        (
                            load.put(direct, body, connections, seconds),
                            load.put(url + _PATH, body, connections, seconds),
                        )
                        for _ in range(rounds)
                    ]
                    sys.stderr.write(
                        f"KServe {release}, {name}, {size} bytes, {connections} at once: done\n"
                    )
                    place = {"kserve": release, "body_bytes": size, "connections": connections}
                    yield {**place, "subject": name, **_medians(measured)}


def _medians(rounds: Sequence[tuple[Measured, Measured]]) -> dict[str, float]:
    each = [
        {
            "requests_per_second": told.requests_per_second,
            "torchserve_requests_per_second": own.requests_per_second,
            "ratio": told.requests_per_second / own.requests_per_second,
            "p50_ms": told.p50 * 1e3,
            "p99_ms": told.p99 * 1e3,
            "torchserve_p99_ms": own.p99 * 1e3,
            "p99_ratio": told.p99 / own.p99,
        }
        for own, told in rounds
    ]
    return outcome.medians(each)


if __name__ == "__main__":
    sys.exit(main())

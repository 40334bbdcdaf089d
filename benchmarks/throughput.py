"""What the wrapper costs, beside TorchServe itself and the floor; ``tox run -e bench``.

In one run and in turns: TorchServe asked directly, the floor, this wrapper, this wrapper with the
SDK answering (``--bare-sdk``), the SDK's own server with a model that answers a constant, and the
usual design. Rates of different machines don't compare; ratios of one run do, and the CPU that a
request takes holds on a busy machine, too. Needs wrk and h2load.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kserve_conformance.errors import ExitCode

from benchmarks import command_line, load, measuring, outcome, speed_page, ways
from benchmarks.load import LoadError
from matrix.planning import axes

RESULTS = speed_page.RESULTS
SCHEMA = 2
TORCHSERVE = "0.12.0"
RELEASES = ("0.9.0", "0.10.2", "0.13.1", "0.15.2", "newest")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the results, print the table; where they are the repository's, write docs."""
    every = ways.every()
    parser = command_line.parser("throughput", __doc__, RESULTS, seconds=2)
    parser.add_argument(
        "--kserve", action="append", metavar="RELEASE", help=f"default: {', '.join(RELEASES)}"
    )
    parser.add_argument(
        "--way",
        action="append",
        choices=list(dict.fromkeys(way.name for way in every)),
        help="default: all",
    )
    asked = parser.parse_args(argv)
    newest = axes.load().profile("all")[-1]
    kserve = [newest if each == "newest" else each for each in asked.kserve or RELEASES]
    taken = [way for way in every if asked.way is None or way.name in asked.way]
    try:
        for name, package in (("wrk", "wrk"), ("h2load", "nghttp2-client")):
            load.tool(name, package)
        found = measuring.measure(TORCHSERVE, kserve, taken, asked.seconds, asked.rounds)
    except LoadError as error:
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.NOT_KNOWN
    further = {"schema": SCHEMA, "left_out": found.left_out}
    told = outcome.keep(asked.out, found.rows, TORCHSERVE, asked.seconds, asked.rounds, further)
    sys.stdout.write(speed_page.table(told))
    if asked.out == RESULTS:
        speed_page.write(told)
    return ExitCode.AS_EXPECTED


if __name__ == "__main__":
    sys.exit(main())

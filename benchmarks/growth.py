"""How the matrix grows; ``tox run -e growth``.

``time`` runs it at multiples of a base and with several numbers of jobs; ``size`` measures results
and page of more and more checks of a run that was made. Each writes its part of growth.json, and
docs/growth.md with its plots from all of it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import lzma
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import read

from benchmarks import growth_page
from matrix.planning import axes, policy, shards
from matrix.planning.options import positive
from matrix.planning.subject import REPOSITORY
from matrix.reports import page
from matrix.running import files

RESULTS = Path(__file__).parent / "results" / "growth.json"
# The run of the default profile that the tests stand on, too.
RECORDED = REPOSITORY / "tests" / "matrix" / "results" / "default.jsonl.xz"


class RunFailed(Exception):
    """A run whose time tells nothing. Its text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one part, write the results and the page of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: growth.json here")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs", help="default: docs")
    parts = parser.add_subparsers(required=True, metavar="PART")
    timed = parts.add_parser("time", help="seconds against cells, and against jobs")
    timed.add_argument(
        "--by", choices=growth_page.WAYS, default="kserve", help="what there is more of"
    )
    timed.add_argument("--times", type=numbers, default=[1, 2, 4, 8], help="default: 1,2,4,8")
    timed.add_argument("--jobs", type=numbers, default=[1, 2, 4], help="default: 1,2,4")
    timed.add_argument("--rounds", type=positive, default=1, help="whose median is taken")
    timed.add_argument(
        "base", nargs="*", metavar="ARGUMENT", help="those of `run` for the base, behind --"
    )
    timed.set_defaults(measure=_measure_time)
    sized = parts.add_parser("size", help="bytes of results and of the page against checks")
    sized.add_argument("--results", type=Path, default=RECORDED, help="a whole run, .xz or not")
    sized.add_argument("--releases", type=numbers, default=[1, 2, 4, 8], help="parts of it")
    sized.add_argument("--times", type=numbers, default=[1, 2, 4, 8], help="multiples of it")
    sized.set_defaults(measure=_measure_size)
    written = parts.add_parser("page", help="write the page and the plots anew, measure nothing")
    written.set_defaults(measure=lambda _: {})
    asked = parser.parse_args(argv)
    try:
        told = _joined(_known(asked.out), asked.measure(asked))
    except (RunFailed, WrongUsage) as error:
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.WRONG_USAGE if isinstance(error, WrongUsage) else ExitCode.NOT_KNOWN
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(told, indent=1) + "\n")
    for name, text in growth_page.files(told).items():
        (asked.docs / name).write_text(text, encoding="utf-8")
    return ExitCode.AS_EXPECTED


def numbers(text: str) -> list[int]:
    """Read numbers of a command line that must be 1 or larger, with commas between them."""
    return [positive(each) for each in text.split(",")]


def _known(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _joined(known: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """Put what was measured into what is known; of time, each way of growing is kept by itself."""
    joined = {"schema": 1, **known, **measured}
    if "time" in joined:
        joined["time"] = {**known.get("time", {}), **measured.get("time", {})}
    return joined


def _surroundings() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
    }


def _measure_time(asked: argparse.Namespace) -> dict[str, Any]:
    usual, several = shards.jobs_here(), asked.times[0]
    rows = []
    by_cells, by_jobs = ((each, usual) for each in asked.times), ((several, n) for n in asked.jobs)
    for times, jobs in dict.fromkeys([*by_cells, *by_jobs]):
        arguments = [*multiplied(asked.by, times), *asked.base]
        rounds = [_timed(arguments, jobs) for _ in range(asked.rounds)]
        seconds = round(statistics.median(each for each, _ in rounds), 1)
        run = rounds[0][1]
        sys.stderr.write(f"{times} times the base, {jobs} jobs: {seconds} s\n")
        cells, checks = len(run.header.planned) * run.header.repeat, len(run.records)
        rows.append(
            {"times": times, "jobs": jobs, "cells": cells, "checks": checks, "seconds": seconds}
        )
    how = {"base": asked.base, "rounds": asked.rounds, "usual_jobs": usual, "several": several}
    return {"time": {asked.by: {**_surroundings(), **how, "rows": rows}}}


def multiplied(by: str, times: int) -> list[str]:
    """Give the arguments of a run that make it so many times as large.

    Args:
        by: ``kserve`` or ``torchserve``: so many of the newest releases, which the base must not
            name; ``repeat``: so many attempts at each cell, all started exactly, since those of a
            repeated run are, unless the base, which comes behind, says --start.

    Raises:
        WrongUsage: when there are not so many releases.
    """
    if by == "repeat":
        return [f"--repeat={times}", "--start=exact"]
    known = axes.load()
    offered = known.profile("default") if by == "kserve" else known.offered[by]
    if times > len(offered):
        offered = known.offered[by]
    if times > len(offered):
        raise WrongUsage(f"--times {times}: there are {len(offered)} releases of {by}")
    return [f"--{by}={release}" for release in offered[-times:]]


def _timed(arguments: Sequence[str], jobs: int) -> tuple[float, Run]:
    with tempfile.TemporaryDirectory() as folder:
        words = ["run", *arguments, f"--jobs={jobs}", f"--out={folder}"]
        began = time.monotonic()
        ran = run_matrix(words)
        seconds = time.monotonic() - began
        if ran.returncode != ExitCode.AS_EXPECTED:
            last = (ran.stderr.strip() or ran.stdout.strip()).rpartition("\n")[2]
            raise RunFailed(
                f"`matrix {' '.join(words)}` ended with exit code {ran.returncode}, and what isn't "
                f"as expected isn't measured: {last}"
            )
        return seconds, read(Path(folder, files.RESULTS))


def run_matrix(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the matrix to its end, in a process of its own as a person's."""
    return subprocess.run(
        [sys.executable, "-m", "matrix", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def _measure_size(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run = _read(asked.results, Path(folder))
        rows = [
            {**_sizes(each, Path(folder)), "made_up": made_up}
            for each, made_up in _runs(run, asked.releases, asked.times)
        ]
    about = {"source": asked.results.name, "runtime": run.header.runtime}
    return {"size": {**_surroundings(), **about, "rows": rows}}


def _read(path: Path, folder: Path) -> Run:
    if path.suffix != ".xz":
        return read(path)
    unpacked = folder / "given.jsonl"
    try:
        unpacked.write_bytes(lzma.decompress(path.read_bytes()))
    except (OSError, lzma.LZMAError) as error:
        raise WrongUsage(f"--results {path} can't be read: {error}") from None
    return read(unpacked)


def _runs(run: Run, releases: Sequence[int], times: Sequence[int]) -> Iterator[tuple[Run, bool]]:
    every = list(dict.fromkeys(record.axes["kserve"] for record in run.records))
    for number in releases:
        if number < len(every):
            yield part(run, every[-number:]), False
    for number in times:
        yield repeated(run, number), number > 1


def part(run: Run, releases: Sequence[str]) -> Run:
    """Give what a run found on some releases."""
    records = [each for each in run.records if each.axes["kserve"] in releases]
    cells = {record.cell for record in records}
    planned = {cell: run.header.planned[cell] for cell in run.header.planned if cell in cells}
    return _ended(replace(run, header=replace(run.header, planned=planned), records=records))


def repeated(run: Run, times: int) -> Run:
    """Give a run that made each check so many times, as this one did once.

    An attempt after the first has taken as long as the check has in another cell: no two attempts
    take the same time, and the page would tell what is alike once.
    """
    by_check: defaultdict[str, list[float]] = defaultdict(list)
    for record in run.records:
        by_check[record.check].append(record.seconds)
    places: Counter[str] = Counter()
    records = []
    for record in run.records:
        seconds, place = by_check[record.check], places[record.check]
        places[record.check] += 1
        records += [
            replace(record, attempt=attempt + 1, seconds=seconds[(place + attempt) % len(seconds)])
            for attempt in range(times)
        ]
    return _ended(replace(run, header=replace(run.header, repeat=times), records=records))


def _ended(run: Run) -> Run:
    footer = run.footer
    return replace(run, footer=run.ending(footer.ended, footer.seconds) if footer else None)


def _sizes(run: Run, folder: Path) -> Mapping[str, Any]:
    results, report = folder / files.RESULTS, folder / "report.html"
    results_file.write(results, run)
    page.write([run], policy.load(), report)
    sys.stderr.write(f"{len(run.records)} checks: done\n")
    return {
        "checks": len(run.records),
        "results_bytes": results.stat().st_size,
        "page_bytes": report.stat().st_size,
    }


if __name__ == "__main__":
    sys.exit(main())

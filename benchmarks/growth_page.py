"""What docs/growth.md and its plots say of growth.json."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.plots import Plot, Series

_MEGABYTE = 1e6
# What there may be more of: its heading, where the base is run, and what a multiple of it is.
WAYS = {
    "kserve": (
        "by KServe releases",
        "on the newest KServe release",
        "is run on as many of the newest",
    ),
    "torchserve": (
        "by TorchServe releases",
        "beside the newest TorchServe",
        "is run beside as many of the newest",
    ),
    "repeat": (
        "by attempts",
        "with each cell made once",
        "makes as many attempts at each cell (`--repeat`)",
    ),
}


def files(told: Mapping[str, Any]) -> dict[str, str]:
    """Give the text of each file in docs, by name, of what has been measured."""
    plots = {**_of_time(told.get("time")), **_of_size(told.get("size"))}
    drawn = {name: plot.svg() for name, plot in plots.items()}
    return {"growth.md": "\n".join(_page(told)), **drawn}


def _of_time(told: Mapping[str, Any] | None) -> dict[str, Plot]:
    plots = {}
    for by, part in (told or {}).items():
        cells = [(row["cells"], row["seconds"]) for row in _by_cells(part)]
        jobs = [(row["jobs"], row["seconds"]) for row in _by_jobs(part)]
        each = f"seconds of a run, {_many(part['usual_jobs'], 'job')}"
        several = f"seconds of a run of {part['several']} times the base"
        plots[_plot("cells", by)] = Plot("Time against cells", "cells", each, [Series("", cells)])
        if len(jobs) > 1:
            plots[_plot("jobs", by)] = Plot(
                "Time against jobs", "jobs", several, [Series("", jobs)]
            )
    return plots


def _plot(what: str, by: str) -> str:
    return f"growth-{what}-{by}.svg"


def _of_size(told: Mapping[str, Any] | None) -> dict[str, Plot]:
    if told is None:
        return {}
    return {
        f"growth-{name}.svg": Plot(
            f"Size of {what} against checks", "checks", "MB", list(_series(told["rows"], key))
        )
        for name, what, key in (
            ("results", "results.jsonl", "results_bytes"),
            ("page", "report.html", "page_bytes"),
        )
    }


def _series(rows: Sequence[Mapping[str, Any]], key: str) -> Iterator[Series]:
    for name, made_up in (("of a run", False), ("of the same checks repeated", True)):
        points = [
            (row["checks"], row[key] / _MEGABYTE) for row in rows if row["made_up"] is made_up
        ]
        if points:
            yield Series(name, sorted(points), made_up)


def _by_cells(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = [row for row in told["rows"] if row["jobs"] == told["usual_jobs"]]
    return sorted(rows, key=lambda row: int(row["cells"]))


def _by_jobs(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = [row for row in told["rows"] if row["times"] == told["several"]]
    return sorted(rows, key=lambda row: int(row["jobs"]))


def _page(told: Mapping[str, Any]) -> Iterator[str]:
    yield "# How the matrix grows\n"
    yield (
        "Written by `python -m benchmarks.growth` from `benchmarks/results/growth.json`; "
        "`tox run -e growth` measures\nit again."
    )
    for by in WAYS:
        if by in told.get("time", {}):
            yield from _about_time(by, told["time"][by])
    if "size" in told:
        yield from _about_size(told["size"])
    yield ""


def _about_time(by: str, told: Mapping[str, Any]) -> Iterator[str]:
    heading, one, several = WAYS[by]
    yield f"\n## Time, {heading}\n"
    base = shlex.join(["python", "-m", "matrix", "run", *told["base"]])
    yield (
        f"Measured {_where(told)}, each figure {_rounds(told['rounds'])}, from the command to its "
        "end, with all environments made.\n"
        f"The base is `{base}` {one}; a multiple of it {several}.\n"
    )
    yield f"![Seconds of a run against its cells]({_plot('cells', by)})\n"
    first = _by_cells(told)[0]
    yield from _table(
        ("times the base", "cells", "checks", "seconds", "seconds per cell", "times the seconds"),
        (
            (
                row["times"], f"{row['cells']:,}", f"{row['checks']:,}", row["seconds"],
                f"{row['seconds'] / row['cells']:.2f}",
                f"{row['seconds'] / first['seconds']:.1f}",
            )
            for row in _by_cells(told)
        ),
    )  # fmt: skip
    if len(_by_jobs(told)) < 2:
        return
    yield f"\n![Seconds of a run against its jobs]({_plot('jobs', by)})\n"
    alone = _by_jobs(told)[0]
    yield from _table(
        ("jobs", "seconds", "faster than the fewest by"),
        (
            (row["jobs"], row["seconds"], f"{alone['seconds'] / row['seconds']:.2f}")
            for row in _by_jobs(told)
        ),
    )


def _about_size(told: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Size\n"
    yield (
        f"Of `{told['source']}`, a real run ({told['runtime']}): it, and its parts of some KServe "
        "releases, are as they were found.\n"
        "Beyond it nothing was run: its checks are there several times, as attempts of "
        "`--repeat` would be, each with the seconds\nthat the check took in another cell and "
        "else the same word for word. Results have a line for each check. The page\ntells what is "
        "alike once and is compressed: attempts that differ in more than their seconds make it "
        "larger than is told here.\n"
        f"{_further(told['rows'])}"
    )
    yield "![Megabytes of results.jsonl against checks](growth-results.svg)"
    yield "![Megabytes of report.html against checks](growth-page.svg)\n"
    yield from _table(
        ("checks", "results", "page", "results per check", "page per check", "found or repeated"),
        (
            (
                f"{row['checks']:,}",
                _megabytes(row["results_bytes"]), _megabytes(row["page_bytes"]),
                f"{row['results_bytes'] / row['checks']:.0f} B",
                f"{row['page_bytes'] / row['checks']:.0f} B",
                "repeated" if row["made_up"] else "found",
            )
            for row in sorted(told["rows"], key=lambda row: int(row["checks"]))
        ),
    )  # fmt: skip


def _further(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tell what checks of further cells come to, which say things of their own."""
    found = sorted((row for row in rows if not row["made_up"]), key=lambda row: int(row["checks"]))
    if len(found) < 2:
        return ""
    few, all_of_them = found[0], found[-1]
    checks = all_of_them["checks"] - few["checks"]
    each = [(all_of_them[key] - few[key]) / checks for key in ("results_bytes", "page_bytes")]
    return (
        f"Of what was found, each check more adds {each[0]:.0f} B to results, {each[1]:.0f} B to "
        "the page.\n"
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _where(told: Mapping[str, Any]) -> str:
    return f"on {told['date']} on {_many(told['machine']['cores'], 'core')}"


def _rounds(rounds: int) -> str:
    return "once" if rounds == 1 else f"as the median of {rounds}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _megabytes(count: int) -> str:
    return f"{count / _MEGABYTE:.2f} MB"

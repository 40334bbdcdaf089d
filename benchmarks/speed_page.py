"""What docs/speed.md, its plots and the README say of throughput.json.

``python -m benchmarks.speed_page`` writes them anew, and measures nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import targets
from benchmarks.contenders import DIRECTLY, FLOOR, NAMES, WRAPPER
from benchmarks.plots import Bars
from benchmarks.speed_rows import Row, Rows, figure
from matrix.planning.subject import REPOSITORY

RESULTS = Path(__file__).parent / "results" / "throughput.json"
DOCS, README = REPOSITORY / "docs", REPOSITORY / "README.md"

_V1 = ("V1", "31 B")
# The other ways of the README, which are told of one release.
_FURTHER = (("V2 JSON", "four FP32"), ("V2 binary", "1 MB of FP32"), ("gRPC", "1 MB of FP32"))
_HEADINGS = (
    "KServe SDK",
    "request",
    "CPU, 1 at once (floor)",
    "CPU, 16 at once (floor)",
    "p50 above TorchServe's, 1 at once",
    "of its requests/s, 16 at once",
    "64 at once",
    "p99, times its, 16 at once",
)
# Microseconds: what is slower than this is many times as slow as all others.
_LONGEST_BAR = 1000
_WHO = {
    DIRECTLY: "TorchServe asked directly, for what the wrapper makes of the request",
    FLOOR: "the smallest Python front that forwards, by the SDK's interpreter: asyncio and "
    "httptools on both sides, no rules; over gRPC an echo by `grpc.aio`, which asks nobody "
    "(`benchmarks/servers/floor.py`)",
    WRAPPER: "this wrapper",
    "wrapper --bare-sdk": "this wrapper with the SDK answering",
    "SDK with a constant": "the SDK's own server with a model that answers a constant, and asks "
    "nobody",
    "usual design": "a subclass of the SDK's model that leaves the call to it "
    "(`fixtures/wrappers/unfixed.py`)",
}
_FIGURES = (
    ("cpu_us", "CPU"),
    ("p50_above_ms", "p50 above TorchServe's"),
    ("ratio", "of its requests/s"),
    ("p99_ratio", "p99, times its"),
)


def main() -> int:
    """Write the page, its plots and the README's table anew."""
    write(json.loads(RESULTS.read_text()))
    return 0


def write(told: Mapping[str, Any]) -> None:
    """Write all that is said of results."""
    for name, text in files(told).items():
        (DOCS / name).write_text(text, encoding="utf-8")
    heading = re.escape(_row(_HEADINGS))
    found = re.sub(rf"{heading}\n(\|.*\n)+", lambda _: table(told), README.read_text())
    README.write_text(found, encoding="utf-8")


def table(told: Mapping[str, Any]) -> str:
    """Write what a reader of the README asks of results, the wrapper's own rows, as Markdown."""
    rows = Rows(told)
    asked = [(kserve, *_V1) for kserve in rows.each("kserve", way="V1")]
    for way, body in _FURTHER:
        measured = rows.each("kserve", way=way, body=body)
        asked += [(measured[-1], way, body)] if measured else []
    lines = [_row(_HEADINGS), "|---" * len(_HEADINGS) + "|"]
    lines += [_row(_summary(rows, *each)) for each in asked]
    return "".join(f"{line}\n" for line in lines)


def _summary(rows: Rows, kserve: str, way: str, body: str) -> Iterator[str]:
    of = {
        connections: rows.find(kserve, way, body, connections, WRAPPER)
        for connections in (1, 16, 64)
    }
    yield from (kserve, f"{way}, {body}")
    for connections in (1, 16):
        floor = rows.find(kserve, way, body, connections, FLOOR)
        yield f"{_told(of[connections], 'cpu_us')} ({_told(floor, 'cpu_us')})"
    yield _told(of[1], "p50_above_ms")
    yield _told(of[16], "ratio")
    yield _told(of[64], "ratio")
    yield _told(of[16], "p99_ratio")


def files(told: Mapping[str, Any]) -> dict[str, str]:
    """Give the text of each file in docs, by name."""
    rows = Rows(told)
    plots = {name: plot.svg() for name, plot in _plots(rows).items()}
    return {"speed.md": "\n".join(_page(rows, plots)), **plots}


def _plots(rows: Rows) -> dict[str, Bars]:
    plots = {
        "speed-cpu.svg": Bars(
            f"CPU of a request ({', '.join(_V1)}, 16 at once)",
            f"µs; longer bars than {_LONGEST_BAR:,} are cut; dashed: the target",
            _groups(rows, "cpu_us", without=DIRECTLY),
            most=_LONGEST_BAR,
            limit=_limit("cpu_us", 16),
        ),
        "speed-rate.svg": Bars(
            f"Requests per second ({', '.join(_V1)}, 16 at once)",
            "times TorchServe's own; dashed: the target",
            _groups(rows, "ratio", without=DIRECTLY),
            limit=_limit("ratio", 16),
        ),
    }
    return {name: plot for name, plot in plots.items() if any(plot.groups.values())}


def _groups(rows: Rows, key: str, without: str) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    for kserve in rows.each("kserve"):
        found = {name: rows.find(kserve, *_V1, 16, name) for name in NAMES if name != without}
        groups[f"SDK {kserve}"] = {name: row[key] for name, row in found.items() if row}
    return groups


def _limit(key: str, connections: int) -> float | None:
    for target in targets.load().each:
        if (target.way, target.body, target.connections, target.figure) == (*_V1, connections, key):
            return target.at_most if target.at_least is None else target.at_least
    return None


def _page(rows: Rows, plots: Iterable[str]) -> Iterator[str]:
    told = rows.told
    yield "# Speed\n"
    yield (
        "Written by `python -m benchmarks.speed_page` from `benchmarks/results/throughput.json`; "
        "`tox run -e bench` measures\nit again. It needs `wrk` and, for gRPC, `h2load`.\n"
    )
    rounds = "once" if told["rounds"] == 1 else f"as the median of {told['rounds']} rounds"
    yield (
        f"Measured on {told['date']} on {told['machine']['cores']} cores with TorchServe "
        f"{told['torchserve']} and one worker, each figure {rounds} of {told['seconds']} s\n"
        "(three times that where TorchServe takes long). All of a release run side by side, and "
        "in each round one after another is\nunder load: TorchServe itself first, of which the "
        "others' figures are ratios. TorchServe, its worker, who is in front of\nthem and the "
        "load share the cores. CPU is user and system time of all processes of whoever is "
        "measured, without\nTorchServe's, for each request that was answered; it holds on a busy "
        "machine, where rates and times don't.\n"
    )
    yield from _table(("who", "is"), ((f"`{name}`", _WHO[name]) for name in NAMES))
    for name in plots:
        yield f"\n![{name.partition('.')[0].replace('-', ' ')}]({name})"
    yield from _of_targets(rows)
    yield from _of_bounds(rows)
    yield from _of_torchserve(rows)
    for way in rows.each("way"):
        for body in rows.each("body", way=way):
            yield from _of_way(rows, way, body)
    yield from _of_left_out(told["left_out"])
    yield ""


def _of_targets(rows: Rows) -> Iterator[str]:
    known = targets.load()
    yield "\n## Targets\n"
    yield "`benchmarks/targets.toml` has them. What misses its target is bold.\n"
    yield from _table(
        ("request", "at once", "figure", "target", *known.kserve),
        (
            (
                f"{each.way}, {each.body}", each.connections, dict(_FIGURES)[each.figure],
                _bound(each), *(_judged(rows, each, kserve) for kserve in known.kserve),
            )
            for each in known.each
        ),
    )  # fmt: skip


def _bound(target: targets.Target) -> str:
    if target.at_most is not None:
        return f"at most {figure(target.figure, target.at_most)}"
    assert target.at_least is not None
    return f"at least {figure(target.figure, target.at_least)}"


def _judged(rows: Rows, target: targets.Target, kserve: str) -> str:
    row = rows.find(kserve, target.way, target.body, target.connections, WRAPPER)
    if row is None:
        return "not measured"
    value = float(row[target.figure])
    told = figure(target.figure, value)
    return told if target.met(value) else f"**{told}**"


def _of_bounds(rows: Rows) -> Iterator[str]:
    """Tell how much of the wrapper's gRPC is that of grpc.aio itself."""
    calls = [
        (kserve, body, connections)
        for body in rows.each("body", way="gRPC")
        for kserve in rows.each("kserve", way="gRPC", body=body)
        for connections in rows.each("connections", way="gRPC", body=body)
    ]
    found = [
        (kserve, body, connections, echo, ours)
        for kserve, body, connections in calls
        if (echo := rows.find(kserve, "gRPC", body, connections, FLOOR))
        and (ours := rows.find(kserve, "gRPC", body, connections, WRAPPER))
    ]
    if not found:
        return
    yield "\n## What bounds gRPC\n"
    yield (
        "An echo by `grpc.aio`, which serves gRPC in every SDK, takes a call and gives its bytes "
        "back. The wrapper takes a call\nand makes one of its own to TorchServe "
        "(`PROTOCOL_VERSION=grpc-v2`): what two echoes take is about what `grpc.aio`\nalone takes "
        "of it.\n"
    )
    yield from _table(
        ("KServe SDK", "body", "at once", "CPU of an echo", "CPU of the wrapper", "times an echo"),
        (
            (
                kserve, body, connections, _told(echo, "cpu_us"), _told(ours, "cpu_us"),
                f"{ours['cpu_us'] / echo['cpu_us']:.1f}",
            )
            for kserve, body, connections, echo, ours in found
        ),
    )  # fmt: skip


def _of_torchserve(rows: Rows) -> Iterator[str]:
    yield "\n## TorchServe itself\n"
    yield "Asked directly: of its CPU for a request, that of Java and that of the worker.\n"
    last = rows.each("kserve")[-1]
    own = [row for row in rows.told["rows"] if (row["subject"], row["kserve"]) == (DIRECTLY, last)]
    yield from _table(
        ("request", "at once", "requests/s", "p50", "p99", "Java", "worker"),
        (
            (
                f"{row['way']}, {row['body']}", row["connections"],
                f"{row['requests_per_second']:,.0f}",
                *(_told(row, key) for key in ("p50_ms", "p99_ms", "java_cpu_us", "worker_cpu_us")),
            )
            for row in own
        ),
    )  # fmt: skip


def _of_way(rows: Rows, way: str, body: str) -> Iterator[str]:
    at_once = rows.each("connections", way=way, body=body)
    if len(at_once) > 1:
        yield f"Each with {', '.join(map(str, at_once[:-1]))} and {at_once[-1]} requests at once.\n"
    places = [
        (kserve, subject)
        for kserve in rows.each("kserve", way=way, body=body)
        for subject in NAMES
        if subject != DIRECTLY
        and subject in rows.each("subject", way=way, body=body, kserve=kserve)
    ]
    yield from _table(
        ("KServe SDK", "who", *(told for _, told in _FIGURES)),
        (
            (
                kserve,
                subject,
                *(
                    " · ".join(
                        _told(rows.find(kserve, way, body, number, subject), key)
                        for number in at_once
                    )
                    for key, _ in _FIGURES
                ),
            )
            for kserve, subject in places
        ),
    )


def _of_left_out(left_out: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not left_out:
        return
    yield "\n## What is left out\n"
    yield from _table(
        ("KServe SDK", "who", "request", "at once", "why"),
        (
            (
                each["kserve"],
                each["subject"],
                f"{each['way']}, {each['body']}" if each["way"] else "all",
                each["connections"] or "all",
                each["why"].replace("|", "\\|"),
            )
            for each in left_out
        ),
    )


def _told(row: Row | None, key: str) -> str:
    return "-" if row is None else figure(key, row[key])


def _table(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    yield _row(headings)
    yield "|---" * len(headings) + "|"
    yield from (_row(each) for each in rows)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())

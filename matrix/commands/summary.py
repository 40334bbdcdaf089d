"""The table at the end of a run: SDK releases down, PROTOCOL_VERSION values across."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from kserve_conformance import catalogue
from kserve_conformance.errors import ExitCode
from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.text.visible import printable
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from matrix.commands import given_results
from matrix.commands.output import make_console, say
from matrix.planning.control_planes import DECLARED
from matrix.reports import by_control_plane, flaky, grid, timings
from matrix.reports.by_control_plane import Row
from matrix.reports.grid import Point
from matrix.results import grouping, judging, states, steady_text
from matrix.results.judging import JudgedRuns
from matrix.results.pass_rate import PassRate
from matrix.results.states import State

# Beside the letter of each state, for those who see colours.
_STYLES = {
    State.FAILED: "bold red",
    State.ERROR: "bold magenta",
    State.UNPROVISIONED: "bold yellow",
    State.MISSING: "bold yellow",
    State.KNOWN: "yellow",
    State.PASSED: "green",
}
# Of the intervals that are shown; the gate reckons with that of its policy.
_CONFIDENCE = 0.95
_LEGEND = ", ".join(f"{state.letter} {state.meaning}" for state in reversed(State))


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``summary``."""
    parser = subparsers.add_parser("summary", help="Print the table of a results file again.")
    parser.add_argument("file", type=Path, help="a results.jsonl")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    judged = judging.by_today([given_results.of_matrix(arguments.file).run])
    show(judged, make_console())
    return exit_code(judged)


def exit_code(judged: JudgedRuns) -> ExitCode:
    """Judge a run that was read: one that was cut short is never all as expected."""
    (run,) = judged.runs
    code = run.exit_code()
    return ExitCode.NOT_KNOWN if run.cut_short and not code else code


def show(judged: JudgedRuns, console: Console) -> None:
    """Print the table of a run, what is not as expected, and how far the run came."""
    (run,) = judged.runs
    console.print(_table(run))
    if rows := by_control_plane.of([run]):
        console.print(_by_control_plane(rows))
    for sentence in _sentences(run, judged.change):
        say(console, sentence)


def _sentences(run: Run, change: str | None) -> Iterator[str]:
    if change:
        yield change
    yield from (*findings(run), *differences(run), *_pass_rates(run))
    yield f"{_subject(run.header)}: {run.sentence()}: {states.counts(run.records)}"
    if seconds := timings.refusals(run.records):
        yield (
            f"an invalid PROTOCOL_VERSION ends the process after {median(seconds):.3f} s "
            f"(median of {len(seconds)} cells)"
        )
    if suite := _suite_seconds(run.records):
        yield (
            f"the conformance suite took {median(suite):.1f} s in a cell "
            f"(median of {len(suite)}, at most {max(suite):.1f} s)"
        )


def _subject(header: Header) -> str:
    told = header.wrapper
    if "image" not in told:
        return f"{told['name']} on {header.runtime}"
    return f"{told['image']} ({told['digest']}) with KServe SDK {told['kserve']}"


def findings(run: Run, limit: int = 20) -> list[str]:
    """Tell what is not as expected, then what is known, a sentence for each check and its cells."""
    told = (record for record in run.records if states.of(record) is not State.PASSED)
    groups = grouping.gathered(
        sorted(told, key=lambda record: states.of(record) is State.KNOWN),
        lambda record: (states.in_words(record), record.check, steady_text.cause(record.message)),
    )
    sentences = []
    for first, *others in groups:
        more = f" and {len(others)} more" if others else ""
        where = f"{states.in_words(first)}: {first.check} in {first.cell}{more}"
        sentences.append(f"{where}: {steady_text.short_cause(first)}")
    hidden = len(sentences) - limit
    return sentences[:limit] + ([f"... and {hidden} more findings"] if hidden > 0 else [])


def differences(run: Run) -> list[str]:
    """Tell what some cells don't offer, a sentence for each reason with the checks it is of.

    Whatever isn't named here is the same in every cell.
    """
    absent = (each for each in run.records if states.is_rightly_not_offered(each))
    return [
        f"differs: {steady_text.short_cause(alike[0])} ({', '.join(grouping.checks(alike))})"
        for alike in grouping.gathered(absent, lambda each: steady_text.cause(each.message))
    ]


def _pass_rates(run: Run, limit: int = 20) -> Iterator[str]:
    """Tell of checks that were repeated how often they passed, those that always did together."""
    repeat = run.header.repeat
    if repeat == 1:
        return
    wavering = flaky.wavering([run], _CONFIDENCE)
    for each in wavering[:limit]:
        yield f"flaky: {each.check} in {each.cell}: {each.rate}"
    if len(wavering) > limit:
        yield f"... and {len(wavering) - limit} more flaky checks"
    others = "every other check" if wavering else "every check"
    rate = PassRate(repeat, repeat, _CONFIDENCE)
    yield f"{others} came to the same in each attempt: where it passed, {rate}"


def _table(run: Run) -> Table:
    found = grid.of([run])
    table = Table(
        title=Text(f"PROTOCOL_VERSION by KServe SDK release, TorchServe by {run.header.runtime}"),
        box=box.SIMPLE_HEAD,
        caption=f"{_LEGEND}; exit: median time to refuse an invalid value",
    )
    table.add_column("KServe", no_wrap=True)
    for protocol in found.protocols:
        table.add_column(Text(printable(protocol)), justify="center", no_wrap=True)
    table.add_column("checks", justify="right", no_wrap=True)
    table.add_column("exit", justify="right", no_wrap=True)
    for release in found.releases:
        records = [record for record in run.records if record.axes["kserve"] == release]
        seconds = timings.refusals(records)
        table.add_row(
            Text(printable(release)),
            *(_mark(point) for point in found.row(release)),
            str(len(records)),
            f"{median(seconds):.3f} s" if seconds else "",
        )
    return table


def _by_control_plane(rows: Iterable[Row]) -> Table:
    table = Table(
        title=Text(by_control_plane.TITLE),
        box=box.SIMPLE_HEAD,
        caption=by_control_plane.LEGEND,
    )
    table.add_column("control plane", no_wrap=True)
    for declared in DECLARED:
        table.add_column(declared, justify="center", no_wrap=True)
    for row in rows:
        marks = (
            Text(each.in_a_word) if each.in_a_word else _mark(each.point)
            for each in row.arrivals.values()
        )
        table.add_row(row.control_plane, *marks)
    return table


def _mark(point: Point | None) -> Text:
    return Text(point.state.letter, style=_STYLES[point.state]) if point else Text("")


def _suite_seconds(records: Iterable[Record]) -> list[float]:
    statements = catalogue.load()
    by_cell: defaultdict[str, float] = defaultdict(float)
    for record in records:
        if record.check in statements:
            by_cell[record.cell] += record.seconds
    return list(by_cell.values())

"""``python -m matrix report``: results as a page, Markdown, JUnit XML and a badge."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kserve_conformance.errors import ExitCode
from kserve_conformance.results import junit, whole_file
from kserve_conformance.results.record import Run

from matrix.commands import given_results
from matrix.commands.output import fail, make_console, say
from matrix.planning import policy
from matrix.planning.policy import Policy
from matrix.reports import badge, markdown, page
from matrix.results import judging
from matrix.running import files


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``report``."""
    parser = subparsers.add_parser(
        "report",
        help="Write results as a page, Markdown, JUnit XML and a badge.",
        description="Writes report.html, report.md, junit.xml, badge.svg and badge.json from the "
        "results of one run, or of several that are judged together, such as those of both "
        "backends.",
        epilog="Exit codes: 0 the reports are written, whatever they say (`gate` is what judges); "
        "2 wrong usage, or results that can't be read; 3 there is no room for a report.",
    )
    given_results.add(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where the reports go (default: beside the first results).",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        default=policy.FILE,
        metavar="FILE",
        help="The policy whose known failures are told (default: matrix/gate.toml).",
    )
    parser.add_argument(
        "--format",
        dest="formats",
        action="append",
        choices=_FORMATS,
        help="Write this only; may be given several times (default: all).",
    )
    parser.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="Append the Markdown to this file, too; in GitHub Actions: "
        '--summary "$GITHUB_STEP_SUMMARY".',
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    out = arguments.out or given_results.file(arguments.results[0]).parent
    try:
        runs = [each.run for each in given_results.together(arguments.results)]
        known = policy.load(arguments.policy)
        out.mkdir(parents=True, exist_ok=True)
        formats = dict.fromkeys(arguments.formats or _FORMATS)
        written = [path for name in formats for path in _write(name, runs, known, out)]
        if arguments.summary is not None:
            _append(markdown.text(runs, known), arguments.summary)
            written.append(arguments.summary)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}{whole_file.advice(error)}"
        return fail(f"the reports can't be written: {told}", whole_file.exit_code(error))
    for run in runs:
        if run.cut_short:
            say(console, f"cut short, and the reports say so: {run.sentence()}")
    for path in written:
        say(console, f"wrote {path}")
    return ExitCode.AS_EXPECTED


def _append(text: str, summary: Path) -> None:
    try:
        with summary.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(summary)) from None


def _markdown(runs: Sequence[Run], known: Policy, path: Path) -> None:
    with whole_file.replacing(path) as unfinished:
        unfinished.write_text(markdown.text(runs, known), encoding="utf-8")


_FILES: Mapping[str, tuple[str, Callable[[Sequence[Run], Policy, Path], None]]] = {
    "html": ("report.html", page.write),
    "markdown": ("report.md", _markdown),
    "junit": (files.JUNIT, lambda runs, _, path: junit.write(judging.by_today(runs).runs, path)),
}
# A badge is two files.
_FORMATS = (*_FILES, "badge")


def _write(name: str, runs: Sequence[Run], known: Policy, folder: Path) -> list[Path]:
    if name not in _FILES:
        return badge.write(runs, folder)
    file, write = _FILES[name]
    write(runs, known, folder / file)
    return [folder / file]

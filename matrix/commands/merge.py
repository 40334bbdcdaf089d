"""``python -m matrix merge``: the parts of one run, joined."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from kserve_conformance.results import junit, merging, results_file, whole_file
from kserve_conformance.results.merging import MergeError
from kserve_conformance.results.results_file import Given

from matrix.commands import given_results, summary
from matrix.commands.output import fail, make_console, say
from matrix.planning import options, plan_file
from matrix.results import judging, planned_parts
from matrix.running import files


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``merge``."""
    parser = subparsers.add_parser(
        "merge",
        help="Join the parts of one run into one results file.",
        description="Joins the parts of one run, made on several machines, and judges the whole.",
        epilog="Exit codes: those of the run, as `summary` gives them; 2 where the files can't be "
        "read or aren't of one run; 3 where two of them give one check different verdicts, which "
        "leaves the earlier results as they are.",
    )
    parser.add_argument(
        "parts",
        nargs="+",
        type=Path,
        metavar="PART",
        help="A results.jsonl, or the folder that holds it; with --plan also a folder of such "
        "folders.",
    )
    whole = parser.add_mutually_exclusive_group()
    whole.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="The plan that the parts are of, which `plan --format json` wrote: which shards are "
        "absent is told, and of several attempts at one the last that came to its end counts.",
    )
    whole.add_argument(
        "--parts",
        dest="planned_parts",
        type=options.positive,
        metavar="N",
        help="How many parts the run has; where some are absent it counts as cut short.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=given_results.DEFAULT.parent,
        metavar="FOLDER",
        help="Where results.jsonl and junit.xml go (default: results, where other commands look); "
        "a name that ends in .jsonl is the results file's own.",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    out = arguments.out
    if out.suffix != ".jsonl":
        out /= files.RESULTS
    plan = plan_file.read(arguments.plan) if arguments.plan else None
    told: list[str] = []
    paths = _begun(arguments.parts, told) if plan else arguments.parts
    paths = [given_results.file(path) for path in paths]
    for path in paths:
        if out.exists() and path.exists() and out.samefile(path):
            raise MergeError(
                f"{path} is one of the parts, and the joined results would go there: "
                "name another folder with --out"
            )
    parts: Sequence[Given] = [given_results.one(path) for path in paths]
    planned = arguments.planned_parts
    if plan:
        of_plan = planned_parts.sort(plan, parts)
        parts, planned = of_plan.parts, of_plan.planned
        told += of_plan.told
    merged = merging.merge(parts, planned)
    try:
        run = results_file.write(out, merged.run)
        junit.write([run], out.with_name(files.JUNIT))
    except OSError as error:
        wrong = f"--out {arguments.out} can't be written: {error.strerror}"
        return fail(wrong + whole_file.advice(error), whole_file.exit_code(error))
    for sentence in told:
        say(console, sentence)
    for part in parts:
        if part.run.cut_short:
            say(console, f"{part.path}: {part.run.sentence()}")
    absent = (planned or 0) - len(merged.run.header.shards)
    if absent > 0:
        say(console, f"{absent} of {planned} parts are absent: the run counts as cut short")
    if merged.doubled:
        say(console, f"{merged.doubled} records were in several parts, with the same verdict")
    judged = judging.by_today([run])
    summary.show(judged, console)
    say(console, f"{out}: {len(run.records)} records of {len(parts)} files")
    return summary.exit_code(judged)


def _begun(paths: Iterable[Path], told: list[str]) -> list[Path]:
    """Give the results that a machine has begun to write, also those in the folders of a folder.

    Of the others it is told. A path that isn't there is given back, to be refused.

    Raises:
        MergeError: when none was begun.
    """
    begun = []
    for path in paths:
        inside = [path]
        if path.is_dir() and not given_results.file(path).exists():
            inside = sorted(each for each in path.iterdir() if each.is_dir()) or [path]
        for each in inside:
            file = given_results.file(each)
            if each.exists() and not (file.exists() and _has_header(file)):
                told.append(f"{each} has no results: its run ended before TorchServe had started")
            else:
                begun.append(each)
    if not begun:
        raise MergeError(f"there is nothing to merge: {'; '.join(told)}")
    return begun


def _has_header(file: Path) -> bool:
    with file.open("rb") as lines:
        # It is one line, written at once.
        return lines.readline().endswith(b"\n")

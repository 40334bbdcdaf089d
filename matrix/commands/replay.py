"""``python -m matrix replay``: one cell of results again on what it stood on, then beside now."""

from __future__ import annotations

import argparse
import functools
import tempfile
from pathlib import Path

from kserve_conformance.errors import ExitCode

from matrix.commands import given_results
from matrix.commands.output import fail, make_console, say
from matrix.planning import options
from matrix.replay import conditions, replaying, words
from matrix.replay.listening import Listener
from matrix.replay.replaying import ReplayError
from matrix.running import files, interrupts, starting

OUT = Path("results", "replay")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``replay``."""
    parser = subparsers.add_parser(
        "replay",
        help="Run one cell of results again, and print the request that failed.",
        description="Runs one cell again as a results file has it: the same wrapper, TorchServe "
        "image (or packages) and lock. Prints what each check came to then and now, and the "
        "request that failed as a line for a shell.",
        epilog="Exit codes are those of the new run, whatever the results say: 0 all as expected "
        "now, 1 a verdict against the wrapper, 2 wrong usage, 3 the harness or its environment "
        "failed, or this machine can't give what the results stand on. Whether it was the same "
        "then is told in words: reproduced, or not reproduced.",
    )
    parser.add_argument("cell", metavar="CELL", help="The cell's id, as `run --list` prints it.")
    parser.add_argument(
        "--results",
        type=Path,
        default=given_results.DEFAULT,
        metavar="FILE",
        help=f"The results, or their folder (default: {given_results.DEFAULT}).",
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="CHECK",
        help="Make this check only, or judge this statement; may be given more than once "
        "(default: what was not as expected, or all where nothing was).",
    )
    parser.add_argument(
        "--wrapper",
        metavar="COMMAND",
        help="The command that starts the wrapper, where the results hold *** in place of a secret "
        "of it (default: the one in the results).",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="Leave the wrapper and TorchServe running afterwards, until Ctrl-C, so that the "
        "printed lines have somebody to ask.",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="Run also where this machine can't give the same; what differs is printed.",
    )
    parser.add_argument(
        "--start-timeout",
        type=float,
        default=90.0,
        metavar="SECONDS",
        help="How long the wrapper may take to say that its models are ready (default: 90).",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help=f"Where the results of the new run go (default: {OUT}).",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    tell = functools.partial(say, make_console())
    source = given_results.file(arguments.results)
    if (arguments.out / files.RESULTS).resolve() == source.resolve():
        raise ReplayError(f"--out {arguments.out} would overwrite what is replayed")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        past = replaying.find(given_results.of_matrix(source).run, arguments.cell)
        checks = replaying.chosen(past, arguments.check)
        found = conditions.find(
            past, Path(folder), arguments.wrapper, beside=source.parent / files.LOCKS
        )
        wanted = options.parsed(
            wrapper=found.command,
            subject_image=found.subject_image,
            wrapper_name=past.header.wrapper["name"],
            constructor=found.constructor,
            ports=past.header.wrapper.get("ports"),
            with_=list(past.header.requirements),
            runtime=found.runtime,
            image=found.image,
            lock=found.lock,
            start_timeout=arguments.start_timeout,
            out=arguments.out,
            cell=past.id,
            check=checks,
        )
        if found.differences and not arguments.anyway:
            return fail(words.refusal(past, found), ExitCode.NOT_KNOWN)
        starting.make_plan(wanted)
        tell(f"{past.id} of {source}, {past.header.wrapper['name']}: {len(checks)} checks")
        for sentence in (*found.differences, found.change):
            if sentence is not None:
                tell(f"not the same: {sentence}")
        interrupts.heed()
        return starting.start(wanted, 1, Listener(tell, past, checks, keep=arguments.keep))

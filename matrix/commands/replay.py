"""``python -m matrix replay``: one cell of results again on what it stood on, then beside now."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from kserve_conformance.asking.grpc_client import PROTOSET
from kserve_conformance.errors import ExitCode
from kserve_conformance.expect import shortened
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned
from rich.console import Console

from matrix.commands import given_results, run
from matrix.commands.live import Notices
from matrix.commands.output import fail, make_console, say
from matrix.commands.summary import cause
from matrix.planning import options
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan
from matrix.replay import conditions, replaying
from matrix.replay.conditions import Conditions
from matrix.replay.replaying import PastCell, Replayed, ReplayError, Sameness
from matrix.results import last_exchange
from matrix.results.last_exchange import Address
from matrix.running.launch import RunningWrapper
from matrix.running.worker import HarnessError, Stage

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
    console = make_console()
    source = given_results.file(arguments.results)
    if (arguments.out / given_results.FILE_NAME).resolve() == source.resolve():
        raise ReplayError(f"--out {arguments.out} would overwrite what is replayed")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        past = replaying.find(given_results.of_matrix(source).run, arguments.cell)
        checks = replaying.chosen(past, arguments.check)
        found = conditions.find(past, Path(folder), arguments.wrapper)
        wanted = _options(past, checks, found, arguments)
        if found.differences and not arguments.anyway:
            return fail(_refusal(past, found), ExitCode.NOT_KNOWN)
        run.make_plan(wanted)
        say(console, f"{past.id} of {source}, {past.header.wrapper['name']}: {len(checks)} checks")
        for sentence in (*found.differences, found.change):
            if sentence is not None:
                say(console, f"not the same: {sentence}")
        signal.signal(signal.SIGTERM, run.interrupt)
        listener = _Listener(console, past, checks, keep=arguments.keep)
        return int(pytest.main(run.pytest_arguments(wanted, 1), plugins=[listener]))


def _options(
    past: PastCell, checks: Sequence[str], found: Conditions, arguments: argparse.Namespace
) -> RunOptions:
    given = {
        "wrapper": found.command,
        "wrapper-name": past.header.wrapper["name"],
        "constructor": found.constructor,
        "runtime": found.runtime,
        "image": found.image,
        "lock": found.lock,
        "start-timeout": arguments.start_timeout,
        "out": arguments.out,
        "cell": past.id,
    }
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return options.parsed([*words, *(f"--check={each}" for each in checks)])


def _refusal(past: PastCell, found: Conditions) -> str:
    told = "".join(f"\n  {sentence}" for sentence in found.differences)
    return (
        f"{past.id} can't be run here on what the results stand on; --anyway runs it on what "
        f"there is:{told}"
    )


class _Listener(Notices):
    """A pytest plugin: prints then and now, and keeps what runs where that is asked for."""

    def __init__(
        self, console: Console, past: PastCell, checks: Sequence[str], *, keep: bool
    ) -> None:
        super().__init__(console)
        self._past = past
        self._checks = checks
        self._keep = keep
        self._cell: Cell | None = None
        self._comparisons: list[Replayed] = []

    def pytest_matrix_planned(self, plan: Plan) -> None:
        """Take the cell."""
        self._cell = plan.cells[0]

    def pytest_matrix_finished(self, run: Run) -> None:
        """Compare."""
        self._comparisons = replaying.compare(self._past, self._checks, run)

    def pytest_matrix_standing(self, stage: Stage) -> None:
        """Print then and now, with lines that reach the wrapper where it is kept."""
        wrapper = self._kept(stage) if self._keep else None
        address = Address(wrapper.http_port, wrapper.grpc_port) if wrapper else None
        show(self._comparisons, address, self._console)
        if wrapper is not None and self._cell is not None:
            torchserve = stage.instance(self._cell).endpoints
            _hold(
                wrapper,
                f"the wrapper answers at {wrapper.url}, by gRPC at 127.0.0.1:{wrapper.grpc_port}, "
                f"and TorchServe at http://{torchserve.host}:{torchserve.inference}; Ctrl-C ends "
                "both",
                self._console,
            )

    def _kept(self, stage: Stage) -> RunningWrapper | None:
        """Give the running wrapper, started where no check needed it; None where it can't be."""
        if self._cell is None:
            return None
        try:
            return stage.wrapper(self._cell)
        except (SubjectFailed, Unprovisioned, HarnessError) as error:
            say(self._console, f"there is nothing to keep: {error}")
            return None


def show(comparisons: Sequence[Replayed], address: Address | None, console: Console) -> None:
    """Print each check then and now; below one that failed, its request as a line for a shell.

    Args:
        address: of a wrapper that the lines shall go to; None where none runs any more.
    """
    told: set[str] = set()
    for each in comparisons:
        say(console, f"{each.check}: {each.sameness}")
        say(console, f"  then: {_outcome(each.then)}")
        say(console, f"  now:  {_outcome(each.now)}")
        line = _line(each)
        if line is None:
            continue
        say(console, f"  {last_exchange.readdressed(line, address) if address else line}")
        for sentence in last_exchange.lacks(line):
            say(console, f"  (this line can't be sent as it is: {sentence})")
        told |= {_PROTOSET_HINT} if last_exchange.needs_protoset(line) else set()
        told |= {_KEEP_HINT} if address is None else set()
    for sentence in sorted(told):
        say(console, sentence)
    same = sum(each.sameness in (Sameness.REPRODUCED, Sameness.OTHER_WORDS) for each in comparisons)
    say(console, f"{same} of {len(comparisons)} checks came to the same as then")


def _line(comparison: Replayed) -> str | None:
    """Give the failing request of now, or of then where it doesn't fail now."""
    for record in (comparison.now, comparison.then):
        if record is not None and not record.as_expected:
            line = last_exchange.of(record)
            if line is not None:
                return line
    return None


def _outcome(record: Record | None) -> str:
    if record is None:
        return "not made"
    expected = "" if record.as_expected else f" (expected: {record.expected_verdict})"
    words = f": {cause(record)}" if record.message else ""
    answer = None if record.as_expected else last_exchange.answer_of(record)
    answered = f"; answered: {shortened(answer, 200)}" if answer else ""
    return f"{record.verdict}{expected}{words}{answered}"


def _hold(wrapper: RunningWrapper, sentence: str, console: Console) -> None:
    say(console, sentence)
    sys.stdout.flush()
    try:
        while wrapper.exit_code() is None:
            time.sleep(0.2)
        say(console, f"the wrapper has ended with exit code {wrapper.exit_code()}")
    except KeyboardInterrupt:
        # What was started is ended as at any end of a run.
        say(console, "ending both")


_PROTOSET_HINT = f"grpcurl needs the service described: kserve-conformance protoset ({PROTOSET})"
_KEEP_HINT = "nothing answers at these addresses any more: --keep leaves the wrapper running"

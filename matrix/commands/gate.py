"""``python -m matrix gate``: may this be released? By a policy, from results."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from kserve_conformance.errors import ExitCode

from matrix.commands import given_results
from matrix.commands.output import fail, make_console, say
from matrix.gate import attestation, cell_explained, deciding, printed
from matrix.planning import axes, checkout, expectations, policy
from matrix.results import judging


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``gate``."""
    parser = subparsers.add_parser(
        "gate",
        help="Decide by a policy whether results let a release go out.",
        description="Judges the results of one run, or of several together, such as those of both "
        "backends, and prints the reasons in order of weight.",
        epilog="Exit codes: 0 go, 1 a verdict against the wrapper or a list of the policy that is "
        "wrong, 2 wrong usage, 3 the evidence is insufficient. 1 goes before 3.",
    )
    given_results.add(parser)
    parser.add_argument(
        "--policy",
        type=Path,
        default=policy.FILE,
        metavar="FILE",
        help="What must pass, and what may fail until when (default: matrix/gate.toml).",
    )
    parser.add_argument(
        "--explain",
        metavar="CELL",
        help="Say what each rule makes of this cell, and which decided.",
    )
    parser.add_argument(
        "--attest",
        type=Path,
        metavar="FILE",
        help="Write the decision as an in-toto Statement, for you to sign.",
    )
    parser.add_argument("--all", action="store_true", help="Print all reasons, however many.")
    parser.add_argument(
        "--today",
        type=_day,
        default=None,
        metavar="YYYY-MM-DD",
        help="Decide as on this day (default: today, UTC).",
    )
    parser.set_defaults(command=_main)


def _options(arguments: argparse.Namespace) -> list[str]:
    """Give the options by which it was decided, where they aren't the default."""
    words = []
    if arguments.policy != policy.FILE:
        words += ["--policy", str(arguments.policy)]
    if arguments.today is not None:
        words += ["--today", arguments.today.isoformat()]
    return words


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-30") from None


def _main(arguments: argparse.Namespace) -> int:
    given = given_results.together(arguments.results)
    expected = expectations.load()
    wanted = policy.load(arguments.policy, expected)
    today = arguments.today or policy.today()
    here = checkout.commit()
    decision = deciding.decide(given, wanted, expected, axes.load(), today, here)
    explained = (
        [] if arguments.explain is None else cell_explained.find(decision, arguments.explain)
    )
    failure = None
    # Before anything is said: who reads only the first lines gets the file, too.
    if arguments.attest is not None:
        made = attestation.statement(decision, given, arguments.policy, today)
        try:
            attestation.write(made, arguments.attest)
        except OSError as error:
            failure = error.strerror or str(error)
    console = make_console()
    for line in printed.lines(decision, given, arguments.all, _options(arguments)):
        say(console, line)
    change = judging.by_today((each.run for each in given), expected).change
    if change:
        say(console, change)
    for cell in explained:
        for line in cell_explained.of(decision, cell, wanted, expected):
            say(console, line)
    if failure is not None:
        sentence = f"--attest {arguments.attest} can't be written: {failure}"
        code = fail(sentence, ExitCode.WRONG_USAGE)
        return decision.exit_code or code
    if arguments.attest is not None:
        say(console, f"the in-toto Statement is {arguments.attest}, not signed")
    return decision.exit_code

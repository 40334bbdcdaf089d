"""``python -m matrix gate``: may this be released? By a policy, from results."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from conformance.outcomes import surroundings
from conformance.outcomes.results_file import Given
from matrix.commands import gate_words, given_results
from matrix.commands.summary import make_console, say
from matrix.decisions import attestation, explanation, gate
from matrix.decisions.gate import GateError
from matrix.planning import axes, expectations, policy


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
        type=datetime.date.fromisoformat,
        default=None,
        metavar="YYYY-MM-DD",
        help="Decide as on this day (default: today, UTC).",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    given = given_results.together(arguments.results)
    expected = expectations.load()
    wanted = policy.load(arguments.policy, expected)
    today = arguments.today or policy.today()
    here = surroundings.commit()
    decision = gate.decide(given, wanted, expected, axes.load(), today, here)
    explained = explanation.find(decision, arguments.explain) if arguments.explain else []
    console = make_console()
    for line in gate_words.told(decision, given, arguments.all):
        say(console, line)
    for cell in explained:
        for line in explanation.of(decision, cell, wanted, expected):
            say(console, line)
    if arguments.attest is not None:
        _attest(decision, given, arguments.policy, arguments.attest)
        say(console, f"the in-toto Statement is {arguments.attest}, not signed")
    return decision.exit_code


def _attest(decision: gate.Decision, given: list[Given], policy_file: Path, path: Path) -> None:
    try:
        attestation.write(attestation.statement(decision, given, policy_file), path)
    except OSError as error:
        raise GateError(f"--attest {path} can't be written: {error.strerror}") from None

"""``kserve-conformance run``: judges one server and says what it may claim."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kserve_conformance import catalogue, failure, requirements, summary
from kserve_conformance.asking.target import Target, TargetError
from kserve_conformance.catalogue import Statement
from kserve_conformance.commands import options
from kserve_conformance.errors import ExitCode
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.claim import Standing
from kserve_conformance.run_folder import Report
from kserve_conformance.session import Session
from kserve_conformance.text.redaction import without_secrets
from kserve_conformance.text.visible import printable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``run``."""
    parser = subparsers.add_parser(
        "run",
        help="Judge a server.",
        epilog="Exit codes: 0 no departure that decides the claim, 1 the server departs from the "
        "Open Inference Protocol, from V1 or from an extension that it offers (with --strict also "
        "from any MUST, or one could not be checked), 2 wrong usage, 3 the suite failed, or "
        "nothing that answers could be judged.",
    )
    options.add(parser.add_argument)
    parser.add_argument(
        "--check",
        action="append",
        metavar="ID",
        help="Make this check only, or those whose ids begin so, show what they find, and make no "
        "claim; may be given more than once.",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="Show each departure as it is found, with its request, its answer and its source.",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="Exit with 1 for a partial claim, too, and for a MUST of any text, such as HTTP's.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/conformance"),
        metavar="FOLDER",
        help="Where results.jsonl, junit.xml, claim.md, departures.txt and transcript.jsonl go "
        "(default: results/conformance).",
    )
    parser.set_defaults(command=_main)


def selected(target: Target, version: str, wanted: Sequence[str]) -> list[Statement]:
    """List the statements to judge a target by, as the version has them.

    Args:
        wanted: ids or beginnings of ids; all where it is empty.

    Raises:
        RequirementsError: when there is no such version.
        DataFileError: when a file of the suite can't be used.
        TargetError: when a wanted id matches nothing.
    """
    required = requirements.load(version)
    known = catalogue.load()
    statements = [
        dataclasses.replace(known[each.id], **vars(each))
        for each in required.values()
        if each.profile in target.profiles
    ]
    for word in wanted:
        if not any(each.id.startswith(word) for each in statements):
            raise TargetError(
                f"--check {word}: no statement of {version} in the profiles "
                f"{', '.join(target.profiles)} has an id that begins so; "
                "kserve-conformance list shows them"
            )
    return [each for each in statements if not wanted or each.id.startswith(tuple(wanted))]


def _main(arguments: argparse.Namespace) -> int:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    target = options.target_of(arguments)
    statements = selected(target, arguments.suite_version, arguments.check or ())
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"--out {arguments.out} can't be written: {error.strerror}") from None
    # Who asks for some of the checks wants to see what they find.
    explained = arguments.verbose or bool(arguments.check)
    with Session(target) as session:
        report = Report(arguments.out, session, statements, arguments.suite_version)
        outcomes = judge_all(
            session, statements, report, lambda each: _explain(console, each) if explained else None
        )
        claims, run = report.finish()
    for line in summary.lines(outcomes, claims, arguments.out):
        say(console, line)
    code = run.exit_code()
    short = any(each.must_failed or each.standing is Standing.PARTIAL for each in claims)
    return ExitCode.AGAINST_SUBJECT if arguments.strict and short and not code else code


def judge_all(
    session: Session,
    statements: Sequence[Statement],
    report: Report,
    told: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Make the checks of statements, and report each and tell of it as it comes."""
    outcomes = []
    for statement in statements:
        outcome = session.judge(statement)
        report.add(outcome)
        outcomes.append(outcome)
        told(outcome)
    return outcomes


def say(console: Console, text: str) -> None:
    """Print a text without its secrets; what a terminal or a CI job would obey is only shown."""
    # A log of CI is published, as results are.
    console.print(Text(printable(without_secrets(text))), soft_wrap=True)


def _explain(console: Console, outcome: Outcome) -> None:
    if outcome.is_finding:
        say(console, failure.explained(outcome) + "\n")

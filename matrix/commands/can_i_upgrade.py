"""``python -m matrix can-i-upgrade``: whether a wrapper survives another KServe release."""

from __future__ import annotations

import argparse
from pathlib import Path

from matrix.commands import given_results
from matrix.commands.output import put
from matrix.planning import axes, expectations
from matrix.running import files
from matrix.upgrade import answering, planes
from matrix.upgrade.answering import Question
from matrix.upgrade.words import Words

_BACKENDS = ("container", "process")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``can-i-upgrade``."""
    parser = subparsers.add_parser(
        "can-i-upgrade",
        help="Tell from results whether a wrapper can go from one KServe release to another.",
        description="Compares what a wrapper does on two KServe releases, with every "
        "PROTOCOL_VERSION and on both backends, and tells what the control planes of the two do "
        "otherwise. A downgrade is answered, too. With --control-plane the wrapper stays as it is, "
        "and the cluster's KServe alone goes from FROM to TO.",
        epilog="Exit codes: 0 yes; 1 no, with the list of what breaks; 2 wrong usage; 3 not known, "
        "with the commands that run what is missing.",
    )
    parser.add_argument("source", metavar="FROM", help="The KServe release that runs now.")
    parser.add_argument("target", metavar="TO", help="The one to go to, or newest.")
    parser.add_argument(
        "--control-plane",
        action="store_true",
        help="Ask about KServe in the cluster, and not about the SDK: what its pods are given for "
        "each protocolVersion and kind of runtime. FROM and TO may also be after-removal, a KServe "
        "without a runtime for TorchServe.",
    )
    parser.add_argument(
        "--results",
        action="append",
        type=Path,
        metavar="RESULTS",
        help=f"A results file, or the folder of its {files.RESULTS}; may be given more "
        f"than once, such as for both backends (default: {given_results.DEFAULT}).",
    )
    parser.add_argument(
        "--runtime",
        choices=_BACKENDS,
        help="Ask about one backend only: where TorchServe runs in a container, or as a process.",
    )
    parser.add_argument(
        "--all", action="store_true", help="Tell every finding, however many there are."
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    known, expected = axes.load(), expectations.load()
    backends = (arguments.runtime,) if arguments.runtime else _BACKENDS
    results = arguments.results or [given_results.DEFAULT]
    if arguments.control_plane:
        asked = planes.put(arguments.source, arguments.target, backends, known)
        told = planes.answer(asked, given_results.together(results), known, expected)
        for line in told.lines():
            put(f"{line}\n")
        return told.exit_code()
    question = Question.put(arguments.source, arguments.target, backends, known)
    given = given_results.together(results)
    answer = answering.answer(question, given, known, expected)
    for line in Words(answer, known, expected, arguments.all).lines():
        put(f"{line}\n")
    return answer.exit_code()

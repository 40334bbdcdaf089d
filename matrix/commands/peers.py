"""``python -m matrix peers``: judges servers, most of them of others, and keeps their claims."""

from __future__ import annotations

import argparse
from pathlib import Path

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.claim import by_family

from matrix.commands.output import make_console, say
from matrix.environments import roster
from matrix.peers import claims
from matrix.planning.subject import REPOSITORY


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``peers``."""
    parser = subparsers.add_parser(
        "peers",
        help="Judge servers that nobody here wrote, and the wrapper beside them.",
        description="Starts MLServer, Triton, OMLE, KServe's own SDK server and this repository's "
        "wrapper before TorchServe, each with a model, on loopback, and judges each with the "
        "conformance suite.",
        epilog="Exit codes: 0 each is as its claim in conformance/claims says, or that was "
        "written; 1 one is not.",
    )
    parser.add_argument(
        "--peer", action="append", metavar="NAME", help="this peer only; may be repeated"
    )
    parser.add_argument(
        "--suite-version",
        metavar="VERSION",
        help="by the requirements of this version, such as the one under development (default: "
        "the newest that is frozen)",
    )
    parser.add_argument(
        "--write", action="store_true", help="write the claims to conformance/claims"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/peers"),
        metavar="FOLDER",
        help="where the results of each go, in a folder of its name (default: results/peers)",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    differ = False
    for peer in [roster.find(name) for name in arguments.peer or roster.load()]:
        judged, text = claims.judge(peer, arguments.out / peer.name, arguments.suite_version)
        for claim in judged:
            say(console, f"{peer.name} {claim.told}")
            for line in by_family([claim]):
                say(console, f"{peer.name} {line}")
        file = claims.claim_file(peer)
        if arguments.write:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            say(console, f"{peer.name}: wrote {file.relative_to(REPOSITORY)}")
            continue
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        for line in claims.differences(kept, text):
            differ = True
            say(console, f"{peer.name}: {line}")
    return ExitCode.AGAINST_SUBJECT if differ else ExitCode.AS_EXPECTED

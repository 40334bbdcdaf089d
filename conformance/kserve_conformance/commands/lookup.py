"""The smaller commands: what there is to judge by, and what two servers differ in."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kserve_conformance import catalogue, differences, page, requirements
from kserve_conformance.asking import transcript
from kserve_conformance.asking.grpc_client import PROTOSET, protoset
from kserve_conformance.asking.target import TargetError
from kserve_conformance.errors import ExitCode
from kserve_conformance.text.visible import printable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands."""
    listing = subparsers.add_parser("list", help="Print the statements.")
    listing.add_argument("--profile", choices=catalogue.PROFILES, help="Of this profile only.")
    listing.set_defaults(command=_list)
    pages = subparsers.add_parser("page", help="Write the statements as a page of Markdown.")
    _add_out(pages)
    pages.set_defaults(command=_page)
    freezing = subparsers.add_parser(
        "freeze",
        help="Write the requirement set of the version under development, for its requirements/.",
    )
    freezing.add_argument("version")
    _add_out(freezing)
    freezing.set_defaults(command=_freeze)
    description = subparsers.add_parser(
        "protoset", help="Write the description of the gRPC service that grpcurl needs."
    )
    description.add_argument("--out", type=Path, default=Path(PROTOSET), metavar="FILE")
    description.set_defaults(command=_protoset)
    differing = subparsers.add_parser(
        "differences",
        help="Tell what a client could tell servers apart by, also where no statement forbids it.",
    )
    differing.add_argument(
        "transcripts",
        nargs="+",
        metavar="NAME=FILE",
        help="What a server was called, and the transcript.jsonl of its run.",
    )
    differing.set_defaults(command=_differences)


def _differences(arguments: argparse.Namespace) -> int:
    transcripts = {}
    for word in arguments.transcripts:
        name, separator, file = word.partition("=")
        if not separator or not name:
            raise TargetError(f"{word}: expected NAME=FILE, such as 0.9=old/transcript.jsonl")
        if name in transcripts:
            raise TargetError(f"{word}: there is another server called {name}")
        try:
            transcripts[name] = transcript.read(Path(file))
        except OSError as error:
            raise TargetError(f"{word}: {file} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise TargetError(str(error)) from None
    sys.stdout.write(printable(differences.page({"All requests": transcripts}, "server")))
    return ExitCode.AGAINST_SUBJECT if differences.between(transcripts) else ExitCode.AS_EXPECTED


def _list(arguments: argparse.Namespace) -> int:
    for each in catalogue.load().values():
        if arguments.profile in (None, each.profile):
            sys.stdout.write(f"{each.id:18} {each.level:13} {each.sentence}\n")
    return ExitCode.AS_EXPECTED


def _page(arguments: argparse.Namespace) -> int:
    return _put(page.text(), arguments.out)


def _freeze(arguments: argparse.Namespace) -> int:
    return _put(requirements.frozen(arguments.version), arguments.out)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="Where it goes (default: the standard output)."
    )


def _put(text: str, file: Path | None) -> int:
    if file is None:
        sys.stdout.write(text)
    else:
        file.write_text(text, encoding="utf-8")
    return ExitCode.AS_EXPECTED


def _protoset(arguments: argparse.Namespace) -> int:
    arguments.out.write_bytes(protoset())
    return ExitCode.AS_EXPECTED

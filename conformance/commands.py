"""The smaller commands: list the statements, write their page, freeze a version, describe gRPC."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance import catalogue, page, requirements
from conformance.grpc_client import PROTOSET, protoset


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands."""
    listing = subparsers.add_parser("list", help="Print the statements.")
    listing.add_argument("--profile", choices=catalogue.PROFILES, help="Of this profile only.")
    listing.set_defaults(command=_list)
    pages = subparsers.add_parser("page", help="Write docs/statements.md out of the catalogue.")
    pages.add_argument("--out", type=Path, default=page.FILE, metavar="FILE")
    pages.set_defaults(command=_page)
    freezing = subparsers.add_parser(
        "freeze", help="Write the requirement set of a version, which then never changes."
    )
    freezing.add_argument("version")
    freezing.set_defaults(command=_freeze)
    description = subparsers.add_parser(
        "protoset", help="Write the description of the gRPC service that grpcurl needs."
    )
    description.add_argument("--out", type=Path, default=Path(PROTOSET), metavar="FILE")
    description.set_defaults(command=_protoset)


def _list(arguments: argparse.Namespace) -> int:
    for each in catalogue.load().values():
        if arguments.profile in (None, each.profile):
            sys.stdout.write(f"{each.id:18} {each.level:13} {each.sentence}\n")
    return 0


def _page(arguments: argparse.Namespace) -> int:
    arguments.out.write_text(page.text(), encoding="utf-8")
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"{requirements.freeze(arguments.version)}\n")
    return 0


def _protoset(arguments: argparse.Namespace) -> int:
    arguments.out.write_bytes(protoset())
    return 0

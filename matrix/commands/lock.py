"""``python -m matrix lock``: the locks of KServe SDK releases and of peers, made or checked."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.verdict import Unprovisioned

from matrix.commands.output import put
from matrix.environments import locking, roster
from matrix.environments.locking import LockError
from matrix.planning import axes
from matrix.planning.release import Release


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``lock``."""
    parser = subparsers.add_parser(
        "lock",
        help="make the locks of KServe SDK releases and of peers",
        description="Resolve the packages of KServe SDK releases, and of peers that are no KServe "
        "SDK, each as of its day.",
    )
    parser.add_argument(
        "--kserve", action="append", metavar="R", help="this release only; may be repeated"
    )
    parser.add_argument(
        "--peer", action="append", metavar="NAME", help="this peer only; may be repeated"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="make nothing; say which locks are missing or out of date, exit 1 if any is",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    known, peers = axes.load(), roster.load()
    every = list(
        dict.fromkeys([*known.kserve.values(), *(each.release for each in peers.values())])
    )
    releases: list[Release] = [known.release(name) for name in arguments.kserve or ()]
    releases += [roster.find(name).release for name in arguments.peer or ()]
    chosen = releases or every
    return _check(every, chosen) if arguments.check else _make_all(chosen)


def _check(every: Sequence[Release], releases: Sequence[Release]) -> int:
    wrong = [said for release in releases if (said := locking.out_of_date(release))]
    expected = {locking.path_of(each).name for each in every}
    wrong += [
        f"{path.name} is the lock of no release in {data_file}"
        for folder, data_file in dict.fromkeys((each.locks, each.data_file) for each in every)
        for path in sorted(folder.glob("*.txt"))
        if path.name not in expected
    ]
    for said in wrong:
        put(f"{said}\n")
    put(f"{len(releases)} locks checked, {len(wrong)} wrong\n")
    return ExitCode.AGAINST_SUBJECT if wrong else ExitCode.AS_EXPECTED


def _make_all(releases: Iterable[Release]) -> int:
    failed = False
    for release in releases:
        try:
            lock = locking.make(release)
        except (LockError, Unprovisioned) as error:
            failed = True
            put(f"error: {error}\n")
        else:
            put(f"{lock.path.name}: {len(lock.pins())} packages as of {release.cut_off}\n")
    return ExitCode.NOT_KNOWN if failed else ExitCode.AS_EXPECTED

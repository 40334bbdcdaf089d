"""``python -m matrix reproduce``: the original bug beside its fix, on each SDK release."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from kserve_conformance.text.visible import printable
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fixtures import torchserve
from matrix.commands.output import make_console, say
from matrix.planning import axes
from matrix.planning.axes import PROFILES
from matrix.planning.options import RUNTIMES
from matrix.reproduce import looking
from matrix.reproduce.looking import Line
from matrix.running import data_files


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``reproduce``."""
    parser = subparsers.add_parser(
        "reproduce",
        help="Show the original bug beside its fix, over the KServe releases.",
        description="Runs a wrapper of the usual design, unfixed, and this one, with "
        "PROTOCOL_VERSION unset, and sends each a V1 prediction.",
    )
    parser.add_argument("--kserve", action="append", help="Run this release only, or newest.")
    parser.add_argument("--profile", choices=PROFILES, default="all")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto")
    parser.add_argument("--torchserve", help="The TorchServe release to use.")
    parser.add_argument("--jobs", type=int, default=2, help="Releases to run side by side.")
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    known = axes.load()
    data_files.check_fixtures(known)
    chosen = known.resolved(arguments.kserve or known.profile(arguments.profile))
    releases = sorted(
        {known.release(name).release for name in chosen}, key=list(known.kserve).index
    )
    for sentence in torchserve.sweep():
        say(console, sentence)
    lines = []
    with (
        looking.started(
            arguments.runtime, arguments.torchserve or known.default_torchserve
        ) as here,
        ThreadPoolExecutor(max_workers=max(1, arguments.jobs)) as pool,
    ):
        for line in pool.map(lambda release: looking.look(release, here), releases):
            lines.append(line)
            progress = f"{len(lines)} of {len(releases)}"
            say(console, f"{progress}: {line.release}: {line.missing or line.unfixed}")
    _show(lines, console)
    return looking.exit_code(lines)


def _show(lines: Sequence[Line], console: Console) -> None:
    """Print the table and what it establishes."""
    table = Table(
        title="What a V1 prediction is answered, by PROTOCOL_VERSION",
        caption="right: TorchServe's own answer, nothing added and nothing lost",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("KServe", no_wrap=True)
    for column in ("unfixed, unset", "unfixed, v1", "fixed, unset"):
        table.add_column(column, overflow="fold")
    for line in lines:
        if line.missing is not None:
            table.add_row(line.release, _shown(f"unprovisioned: {line.missing}", "yellow"))
            continue
        table.add_row(
            line.release,
            _shown(str(line.unfixed), "bold red" if line.has_bug or line.says_words else ""),
            _shown(str(line.unfixed_v1)),
            _shown(str(line.fixed), "green" if line.is_fixed else "bold red"),
        )
    console.print(table)
    for sentence in looking.conclusions(lines):
        say(console, sentence)


def _shown(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)

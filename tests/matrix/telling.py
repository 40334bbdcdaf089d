"""Commands of ``python -m matrix`` that only tell something, run without a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from matrix.commands import cli


class Said(NamedTuple):
    """What a command came to: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Matrix = Callable[..., Said]


def said_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Run a command, and give what it said since the test last looked."""
    try:
        code = cli.main(arguments)
    except SystemExit as ended:
        # argparse ends the process itself, and always with a number.
        code = int(str(ended.code))
    return Said(code, *capsys.readouterr())

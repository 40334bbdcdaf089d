"""Shows what is being done: on a terminal in one line that changes, else not at all."""

from __future__ import annotations

import sys

from kserve_conformance.text.visible import printable

_TO_THE_BEGINNING = "\r\033[K"


def show(sentence: str) -> None:
    """Show a sentence until the next one is shown or said."""
    if sys.stderr.isatty():
        sys.stderr.write(_TO_THE_BEGINNING + printable(sentence))
        sys.stderr.flush()


def say(sentence: str) -> None:
    """Tell a sentence that stays."""
    begin = _TO_THE_BEGINNING if sys.stderr.isatty() else ""
    sys.stderr.write(f"{begin}{printable(sentence)}\n")
    sys.stderr.flush()

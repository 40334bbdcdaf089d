"""GitHub-flavoured Markdown: tables and texts that say what they hold, whatever it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

# Underscores inside a word are no emphasis.
_SPECIAL = re.compile(r"([\\`*\[\]~$]|(?<![^\W_])_|_(?![^\W_])|^[#+-])")
# What GitHub makes a link of without any sign around it.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?i:(?<=\bwww)(?=\.))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
# Category: control, format (marks that turn the direction of text are some), half a surrogate pair.
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs"})


def text(value: str) -> str:
    """Give a text so that no sign of it is taken for Markdown, HTML, a link or a mention."""
    plain = "".join(_ENTITIES.get(sign, sign) for sign in one_line(value))
    return _ADDRESS.sub(r"\\", _SPECIAL.sub(r"\\\1", plain))


def code(value: str, longest: int | None = None) -> str:
    """Give a text as a code span of one line, in which nothing but its end has a meaning."""
    plain = one_line(value)
    if longest is not None and len(plain) > longest:
        plain = plain[: longest - 3].rstrip() + "..."
    if not plain:
        return ""
    fence = _fence(plain)
    edge = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{edge}{plain}{edge}{fence}"


def block(value: str, language: str = "") -> list[str]:
    """Give the lines of a fenced block of code, whatever the text holds."""
    fence = _fence(value, 3)
    return [
        f"{fence}{language}",
        *("".join(map(_shown, line)) for line in value.splitlines()),
        fence,
    ]


def one_line(value: str) -> str:
    """Give a text on one line, with a mark for each sign that isn't one to see."""
    return "".join(map(_shown, " ".join(value.split())))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> list[str]:
    """Give the lines of a table, its columns as wide as they must be to be read as text, too.

    Args:
        head: the columns' names, as Markdown.
        rows: their cells, as Markdown.
        align: a letter for each column, ``l``, ``c`` or ``r``; those without one are ``l``.
    """
    # Cells are told apart before code spans are: a pipe in one would end its cell, too.
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (head, *rows)]
    # A long text at the end of a row needs no others to be as long.
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(head) - 1)]
    widths.append(3)
    letters = align.ljust(len(head), "l")
    rule = [_rule(letter, width) for letter, width in zip(letters, widths, strict=True)]
    return [_row(line, widths, letters) for line in (lines[0], rule, *lines[1:])]


def _rule(letter: str, width: int) -> str:
    left, right = ":" if letter == "c" else "", ":" if letter in "cr" else ""
    return f"{left}{'-' * (width - len(left + right))}{right}"


_ALIGNED = {"l": str.ljust, "c": str.center, "r": str.rjust}


def _row(cells: Sequence[str], widths: Sequence[int], letters: str) -> str:
    aligned = [
        _ALIGNED[letter](cell, width)
        for cell, width, letter in zip(cells, widths, letters, strict=True)
    ]
    return f"| {' | '.join(aligned)} |"


def _fence(value: str, least: int = 1) -> str:
    """Give a row of backticks that is longer than any in a text."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", value)), default=0))


def _shown(sign: str) -> str:
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) in _NOT_SHOWN else sign

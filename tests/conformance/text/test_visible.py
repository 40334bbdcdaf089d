"""Texts of strangers on a terminal and in the log of a CI job."""

from __future__ import annotations

import io

import pytest
from kserve_conformance.commands.run import say as told_by_conformance
from kserve_conformance.text.visible import printable
from rich.console import Console

from matrix.commands.output import say

HOSTILE = {
    "clears the screen": ("a\x1b[2Jb", "a\\u001b[2Jb"),
    "sets the window's title": ("a\x1b]0;owned\x07b", "a\\u001b]0;owned\\u0007b"),
    "turns the direction": ("a\u202eb", "a\\u202eb"),
    "overwrites the line": ("a\rb", "a\\u000db"),
    "a command of a workflow after a carriage return": ("a\r::error ::b", "a\\u000d::error ::b"),
    "a command of a workflow": ("a\n::error ::b", "a\n\\u003a:error ::b"),
    "the same at the beginning": ("::stop-commands::x", "\\u003a:stop-commands::x"),
    "the same after blanks": ("a\n \t::add-mask::b", "a\n \t\\u003a:add-mask::b"),
    "the same of an older kind": ("a ##[error]b", "a \\u0023#[error]b"),
    "a command of another CI": ("##vso[task.setvariable]b", "\\u0023#vso[task.setvariable]b"),
}
HARMLESS = [
    "a::b",
    "std::string\n  at x::y",
    "## a heading [link]",
    "é漢 😀\tc\n\nd",
    "[red]x[/red]",
]


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_terminal_or_a_ci_job_would_obey_is_made_visible(what: str) -> None:
    text, shown = HOSTILE[what]
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_printed_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("say", [say, told_by_conformance], ids=["matrix", "conformance"])
@pytest.mark.parametrize("what", HOSTILE)
def test_lines_are_printed_so(what: str, say: object) -> None:
    text, shown = HOSTILE[what]
    assert callable(say)
    printed = io.StringIO()
    say(Console(file=printed, force_terminal=True, width=40, color_system=None), text)
    assert printed.getvalue() == f"{shown}\n".expandtabs(8)

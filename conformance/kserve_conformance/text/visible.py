"""Makes signs visible that would hide, reorder or break text: evidence is written by strangers."""

from __future__ import annotations

import re

# Controls but tab and line feed; what turns the direction of text; what has no width; separators
# of lines that HTML doesn't break; halves of surrogate pairs, which UTF-8 doesn't take.
# scripts/text.js does the same for what the page itself shows.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
# GitHub takes a line that begins with :: for a command to the workflow, after blanks, too; ##[ it
# takes for one wherever it stands, as Azure does ##vso[.
_COMMAND = re.compile(r"(?m)(?P<blanks>^[^\S\n]*):(?=:)|#(?=#\w*\[)")


def visible(text: str) -> str:
    """Write such signs as escapes, for instance ``\\u202e``."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def printable(text: str) -> str:
    """Give a text so that it is seen, and not obeyed, by a terminal and by the log of a CI job."""
    return _COMMAND.sub(
        lambda found: f"{found['blanks'] or ''}\\u{ord(found.group()[-1]):04x}", visible(text)
    )

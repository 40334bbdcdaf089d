"""Makes signs visible that would hide, reorder or break text: evidence is written by strangers."""

from __future__ import annotations

import re

# Controls but tab and line feed; what turns the direction of text; what has no width; separators
# of lines that HTML doesn't break; halves of surrogate pairs, which UTF-8 doesn't take.
# scripts/text.js does the same for what the page itself shows.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Write such signs as escapes, for instance ``\\u202e``."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)

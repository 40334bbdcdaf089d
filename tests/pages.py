"""Tables of the pages in docs/ that tests write, so that they tell what was seen.

Where ``REWRITE_PAGES`` is set, a test writes its table; else it holds the page's against it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
_REWRITES = "REWRITE_PAGES"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def hold(page: str, name: str, seen: str) -> None:
    """Hold the part of a page that has a name against what was seen.

    It stands between the comments ``<!-- NAME: ... -->`` and ``<!-- end of NAME -->``.
    """
    file = DOCS / page
    text = file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"<!-- {name}: ")
    comment, close, rest = rest.partition("-->\n")
    stands, end, after = rest.partition(f"<!-- end of {name} -->")
    assert all((begin, close, end)), f"docs/{page} has no part {name}"
    if os.environ.get(_REWRITES):
        written = before + begin + comment + close + f"\n{seen}\n" + end + after
        file.write_text(written, encoding="utf-8")
        return
    told = f"docs/{page} tells another {name} than was seen: run this test with {_REWRITES}=1"
    assert stands.strip() == seen.strip(), told

"""Markdown that shows a text as it is, held against a parser of it."""

from __future__ import annotations

import pytest
from kserve_conformance.text import gfm
from markdown_it import MarkdownIt
from markdown_it.token import Token

HOSTILE = [
    "plain",
    "a | b \\| c",
    "`x` ``y``",
    "`",
    "<script>alert(1)</script> &amp; <!-- -->",
    "[link](https://example.org) ![image](x) <https://example.org>",
    "*bold* __bold__ _slanted_ ~~gone~~ kserve_v2",
    "# no heading",
    "- no item",
    "\\* \\",
    "é ☃ 漢字",
]


def parsed(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def shown(tokens: list[Token]) -> str:
    """Give the text that a reader sees, and fail where something else is seen."""
    told = ""
    for inline in tokens:
        for child in inline.children or ():
            assert child.type in {"text", "text_special", "code_inline"}, child
            told += child.content
    return told


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("written", [gfm.text, gfm.code], ids=["text", "code"])
def test_what_is_shown_is_the_text(written: object, value: str) -> None:
    assert callable(written)
    tokens = parsed("\n".join(gfm.table(["head", "next"], [[written(value), "end"]])))
    assert [token.type for token in tokens].count("td_open") == 2
    cells = [token for token in tokens if token.type == "inline"]
    assert shown(cells[2:3]) == value
    assert shown(cells[3:]) == "end"


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("written", [gfm.text, gfm.code], ids=["text", "code"])
def test_outside_of_tables_the_same_is_shown(written: object, value: str) -> None:
    assert callable(written)
    tokens = parsed(f"- {written(value)}")
    assert shown([token for token in tokens if token.type == "inline"]) == value


def test_a_pipe_is_escaped_in_tables_only() -> None:
    assert gfm.code("a | b") == "`a | b`"
    assert gfm.table(["x"], [[gfm.code("a | b")], [gfm.text("a | b")]])[2:] == [
        "| `a \\| b` |",
        "| a \\| b |",
    ]


@pytest.mark.parametrize("address", ["http://evil/p.png", "https://evil", "www.evil.example"])
def test_an_address_is_no_link(address: str) -> None:
    # GitHub looks for these as they are written, before it reads escapes.
    written = gfm.text(f"see {address}")
    assert "://" not in written
    assert "www." not in written
    assert shown(parsed(written)[1:2]) == f"see {address}"


def test_a_persons_name_is_no_mention() -> None:
    assert "@" not in gfm.text("@somebody")


def test_what_cant_be_seen_has_a_mark() -> None:
    value = "a\x1b[31m\u202eb\ud800\r\n  c"
    mark = "\N{REPLACEMENT CHARACTER}"
    assert gfm.one_line(value) == f"a{mark}[31m{mark}b{mark} c"
    gfm.code(value).encode()


def test_words_are_left_alone() -> None:
    assert gfm.text("PROTOCOL_VERSION 0.8.0-0.21.0, kserve") == (
        "PROTOCOL_VERSION 0.8.0-0.21.0, kserve"
    )


def test_a_long_text_is_cut() -> None:
    assert gfm.code("x" * 50, longest=10) == "`xxxxxxx...`"
    assert gfm.code("") == ""


def test_a_table_is_aligned_for_those_who_read_it_as_text() -> None:
    assert gfm.table(["a", "number", "last"], [["long one", "1", "a long last one"]], "crl") == [
        "|    a     | number | last |",
        "| :------: | -----: | --- |",
        "| long one |      1 | a long last one |",
    ]

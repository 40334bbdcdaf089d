"""docs/threats.md: no line of it without a test that is there, and all of it on one screen."""

from __future__ import annotations

import ast
import re

from tests.matrix.runs import REPOSITORY

PAGE = (REPOSITORY / "docs" / "threats.md").read_text(encoding="utf-8")
_ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


def test_each_line_names_a_test_that_is_there() -> None:
    assert len(_ROWS) > 5
    for row in _ROWS:
        named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", row.split(" | ")[-1])
        assert named, row
        for file, function in named:
            tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
            there = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
            assert function in there, f"{file} has no {function}"


def test_it_is_one_screen() -> None:
    assert len(PAGE.splitlines()) <= 50

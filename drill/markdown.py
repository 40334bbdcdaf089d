"""Markdown that the drill's tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table whose columns are as wide as they are: cells here may be long."""
    told = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*told, *(f"| {' | '.join(map(_escaped, each))} |" for each in lines), ""])


def counted(results: Mapping[str, int]) -> str:
    """Write how many requests had which result."""
    return ", ".join(f"{result}: {number:,}" for result, number in results.items()) or "-"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")

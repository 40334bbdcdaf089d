"""Numbers of things in words."""

from __future__ import annotations

from collections.abc import Sequence


def some(names: Sequence[str], most: int) -> str:
    """Name so many things at the most, and count the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def many(number: int, what: str) -> str:
    """Count something in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

"""Numbers of things in words."""

from __future__ import annotations


def many(number: int, what: str) -> str:
    """Count something in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
